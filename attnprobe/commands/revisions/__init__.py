"""The parts of `attnprobe diff`: revisions of a repository, and scans of both versions of a target."""
