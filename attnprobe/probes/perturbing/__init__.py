"""Short runs on changed inputs: which outputs move when something moves that they must not see."""
