"""Inputs for transformers models, from their configuration and the signature of their forward."""
