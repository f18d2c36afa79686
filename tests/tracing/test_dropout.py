"""How often attention weights are dropped, however dropout is computed."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from attnprobe.records import LoadedModel
from attnprobe.tracing.tracing import trace


class Attention(nn.Module):
    """One head; dropout by torch's function, which a CPU computes as a product with a random mask."""

    def __init__(self, is_fused: bool) -> None:
        super().__init__()
        self.qkv, self.is_fused = nn.Linear(8, 24), is_fused

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        query, key, value = self.qkv(x).chunk(3, -1)
        rate = 0.25 if self.training else 0.0
        if self.is_fused:
            return F.scaled_dot_product_attention(query, key, value, dropout_p=rate)
        weights = (query @ key.mT * 8**-0.5).softmax(-1)
        return F.dropout(weights, rate, self.training) @ value


@pytest.mark.parametrize("is_fused", [False, True])
@pytest.mark.parametrize(("train", "rate"), [(True, 0.25), (False, 0.0)])
def test_the_rate_of_dropout_is_found(is_fused: bool, train: bool, rate: float) -> None:
    model = LoadedModel(
        module=Attention(is_fused).train(train),
        args=(torch.randn(2, 5, 8),),
        kwargs={},
        target="m",
        entry="m",
        inputs=(),
    )
    (site,) = trace(model, train=train, backward=False).sites
    assert site.dropout == rate
    assert site.scale == pytest.approx(8**-0.5)
