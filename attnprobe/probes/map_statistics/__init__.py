"""Numbers read from attention maps while the model runs."""
