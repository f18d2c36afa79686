"""What attentions over images share: tokens as a plane, relative positions, tiles of neighbours."""
