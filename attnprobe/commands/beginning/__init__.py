"""The parts of `attnprobe init`: what to write, where, and writing it."""
