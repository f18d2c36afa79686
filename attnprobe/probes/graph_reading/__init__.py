"""Reading the op graph of a trace: who made a tensor, who reads it, what comes of it."""
