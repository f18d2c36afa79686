"""Formulas over the facts of a site: whether a replacement fits there and what it would save."""
