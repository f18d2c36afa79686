"""Which files a command writes, and writing them all or not at all."""
