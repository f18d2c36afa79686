"""What all mechanisms stand on: masks, cores, modules, caches."""
