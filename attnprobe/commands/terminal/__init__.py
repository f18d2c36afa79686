"""How the commands talk: help, progress, errors."""
