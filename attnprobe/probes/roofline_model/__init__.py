"""A device as two rates, an op as FLOPs and bytes: the time that one gives the other."""
