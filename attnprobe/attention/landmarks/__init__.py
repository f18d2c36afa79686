"""Attentions in which a few positions stand for many."""
