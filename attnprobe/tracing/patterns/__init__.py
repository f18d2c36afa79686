"""The shapes that attention takes in an op graph. One shape per file, each defines `pattern`; never a model's name."""
