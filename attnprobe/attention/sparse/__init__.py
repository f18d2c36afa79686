"""What the sparse attentions stand on: rows of fused calls, blocks chosen by each query."""
