"""One instrumented run of the borrowed model, shared by every probe that watches it.

    batch ─ forward (Observer: the live tensors of every core) ─ AttentionCall ─ watchers
          ─ backward (hooks)                                   ─ Gradients     ─ watchers
          ─ random directions                                  ─ z, dz         ─ watchers

Attention maps are recomputed from queries and keys, block by block, and never kept.
"""
