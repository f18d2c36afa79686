"""What the code of an attention does, as facts that rules hold against it; and the lines where it does so.

A fact that the op graph does not settle is the reason why, never a guess: a rule of correctness must be
silent unless it is sure.
"""
