"""What the heads of one attention do for the model, and what they have in common."""
