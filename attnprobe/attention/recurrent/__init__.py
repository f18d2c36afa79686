"""Attentions that carry a matrix from token to token, with decay or correction, run chunk by chunk."""
