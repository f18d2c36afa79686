"""How well few dims hold keys and values together, as a latent cache would."""

from __future__ import annotations

import torch
from torch import Tensor

from attnprobe.observing.sums import Sums
from attnprobe.probes.heads.sharing import ROLES, covariances

TARGET = 0.95


def joint_products(sums: Sums, site: int) -> Tensor | str:
    """Covariance of [k; v] with keys and values scaled to equal size, [P, P]; or why there is none."""
    crossed, tokens = sums.get(site, "crossed"), sums.get(site, "tokens")
    if crossed is None or tokens is None:
        return "its keys or values were not seen, or have more than 1,024 dims each"
    if float(tokens) < sum(crossed.shape):
        return f"{int(tokens)} tokens are too few for {sum(crossed.shape)} dims"
    (key,), (value,) = (covariances(sums, site, role) for role in ROLES)
    sizes = [float(part.diagonal().sum()) for part in (key, value)]
    if not all(size > 0 for size in sizes):
        return "its keys or values do not vary"
    totals = [sums.get(site, f"{role} total") for role in ROLES]
    assert totals[0] is not None
    assert totals[1] is not None
    crossed = (crossed - torch.outer(totals[0], totals[1]) / tokens) / (sizes[0] * sizes[1]) ** 0.5
    upper = torch.cat([key / sizes[0], crossed], 1)
    return torch.cat([upper, torch.cat([crossed.mT, value / sizes[1]], 1)])


def shares(products: Tensor) -> Tensor:
    """The eigenvalues over their sum, descending, in fp32: [P, P] -> [P]."""
    values = torch.linalg.eigvalsh(products.float()).flip(0).clamp_min(0)
    found: Tensor = values.double() / products.diagonal().sum()
    return found


def sixth(dims: int) -> int:
    """A sixth of some dims, at least one."""
    return max(dims // 6, 1)


def rank_for(known: Tensor, target: float) -> int:
    """How many of the largest shares reach a target."""
    return min(int((known.cumsum(0) < target).sum()) + 1, len(known))
