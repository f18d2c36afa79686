"""The verbs of `attnprobe config`."""
