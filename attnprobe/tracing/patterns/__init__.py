"""The shapes that attention takes in an op graph, never a model's name. Each file defines one `pattern`."""
