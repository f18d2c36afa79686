"""The verbs of `attnprobe baseline`."""
