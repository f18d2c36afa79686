"""What ran, by the profiler: operators and kernels inside the sites' modules, and the table of all."""
