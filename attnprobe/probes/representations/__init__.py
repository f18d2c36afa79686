"""What the hidden states round an attention look like: how alike, how large, how much of them survives."""
