"""What fvcore lacks to be a second FLOP counter for attention: handles for fused ops, and a way to run it."""
