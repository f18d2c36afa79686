"""`torch.nn.Transformer` as it comes, with a causal mask on the target side."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BATCH_SIZE, SOURCE_LEN, TARGET_LEN = 2, 12, 8
EMBED_DIM, NUM_HEADS, HIDDEN_DIM = 32, 4, 64


class SequenceModel(nn.Module):
    """Two encoder layers and two decoder layers on sequences of vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.transformer = nn.Transformer(
            EMBED_DIM,
            NUM_HEADS,
            num_encoder_layers=2,
            num_decoder_layers=2,
            dim_feedforward=HIDDEN_DIM,
            batch_first=True,
        )
        self.head = nn.Linear(EMBED_DIM, 1)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:  # [B, S, E], [B, L, E] -> [B, L, 1]
        mask = self.transformer.generate_square_subsequent_mask(target.shape[1], target.device)
        return self.head(self.transformer(source, target, tgt_mask=mask, tgt_is_causal=True))


def build_model() -> nn.Module:
    """The same weights at every call."""
    torch.manual_seed(0)
    return SequenceModel()


def example_inputs() -> dict[str, Tensor]:
    """Sequences of random vectors, [B, S, E] and [B, L, E]."""
    generator = torch.Generator().manual_seed(0)
    return {
        "source": torch.randn(BATCH_SIZE, SOURCE_LEN, EMBED_DIM, generator=generator),
        "target": torch.randn(BATCH_SIZE, TARGET_LEN, EMBED_DIM, generator=generator),
    }
