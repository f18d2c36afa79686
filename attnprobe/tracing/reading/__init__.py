"""Reading an op graph: what patterns need to recognise attention by its structure."""
