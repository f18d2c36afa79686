"""Gradients of the instrumented run: where they lie, how large they are, how far they reach."""
