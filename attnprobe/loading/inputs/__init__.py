"""What a model is called with: given, taken from the user's file, or synthesised and tried."""
