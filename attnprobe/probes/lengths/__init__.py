"""Sequence lengths: which one was scanned, which others to trace, what the cost does between them."""
