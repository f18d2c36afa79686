"""The parts of `attnprobe scan`: its options, and the scan in a process of its own."""
