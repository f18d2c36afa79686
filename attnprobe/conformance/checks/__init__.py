"""One check per file: `check(specimen)` yields what it found wrong."""
