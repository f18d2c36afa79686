"""From a recipe to a module: importing the user's code, finding the entry, building it real or fake."""
