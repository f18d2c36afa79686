"""What `attnprobe explain` says, and in which form."""
