"""Attentions whose weights are products of features, so that keys and values fold into one matrix."""
