"""Watchers of work that does not contribute."""
