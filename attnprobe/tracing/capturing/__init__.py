"""One run of the model, written down op by op."""
