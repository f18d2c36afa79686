"""attnprobe: find, measure and explain every attention of any PyTorch model."""

__version__ = "0.1.0.dev0"
