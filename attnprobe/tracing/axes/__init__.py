"""Where every dimension of every tensor comes from.

A dimension is a tuple of factors, outermost first; a factor is (axis, size, stride): `size` steps of `stride`
along an axis. An axis is born in an input's dimension, a parameter's dimension, a contraction, a
concatenation … So after

    qkv = x @ W.T                 [B, L, 3E]    last dim: ((W rows, 3E, 1),)
    q = qkv[..., :E]              [B, L, E]     ((W rows, E, 1),), offset 0
    q.view(B, L, H, D)            [B, L, H, D]  (W rows, H, D), (W rows, D, 1)

heads, packed projections, grouped keys and tokens folded into the batch are read off, however they were
written.
"""
