"""Memory of a captured step, read from the births and deaths of its storages."""
