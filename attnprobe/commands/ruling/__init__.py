"""The verbs of `attnprobe rules`."""
