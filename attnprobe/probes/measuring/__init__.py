"""Real runs: clocks, repeats, hooks, the profiler. Torch is imported inside functions only."""
