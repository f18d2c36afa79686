"""What composites share: residuals, initial values, ways to fuse branches, caches of several parts."""
