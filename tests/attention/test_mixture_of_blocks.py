import pytest
import torch

from attnprobe.attention import Mask, MixtureOfBlocks, Sdpa
from attnprobe.attention.sparse.chosen import tiled
from attnprobe.errors import MaskError, ShapeError
from attnprobe.testing import assert_core_conforms


def test_it_keeps_its_word():
    # Blocks begin with the tensor: padding in front moves their borders.
    core = MixtureOfBlocks(block_size=8, blocks=3)
    assert_core_conforms(core, skip=["padding_length"], lengths=(1, 7, 63, 130))


def test_a_query_picks_the_block_with_the_nearest_mean():
    # Blocks of two keys with means 1, 5, -3, 0; the last query, 1, sees its own block and the one of mean 5.
    key = torch.tensor([0.0, 2.0, 5.0, 5.0, -3.0, -3.0, 0.0, 0.0]).view(1, 1, 8, 1)
    value = torch.eye(8).view(1, 1, 8, 8)
    out = MixtureOfBlocks(block_size=2, blocks=2)(torch.ones_like(key), key, value, Mask(is_causal=True))
    assert (out[0, 0, 7] > 0).tolist() == [False, False, True, True, False, False, True, True]
    # Query 1 has no whole block before its own.
    assert (out[0, 0, 1] > 0).tolist() == [True, True, *[False] * 6]


def test_padding_does_not_move_the_mean():
    # The mean of the first block is 2 without its padded key, of the second 1; with it the first is -49.
    key = torch.tensor([-100.0, 2.0, 1.0, 1.0, 0.0, 0.0]).view(1, 1, 6, 1)
    real = torch.tensor([[False, True, True, True, True, True]])
    value = torch.eye(6).view(1, 1, 6, 6)
    mask = Mask(is_causal=True, padding=real)
    out = MixtureOfBlocks(block_size=2, blocks=2)(torch.ones_like(key), key, value, mask)
    assert (out[0, 0, 5] > 0).tolist() == [False, True, False, False, True, True]


def test_every_choice_has_one_place_in_a_tile_of_its_block():
    generator = torch.Generator().manual_seed(0)
    chosen = torch.rand(2, 3, 37, 9, generator=generator).argsort(-1)[..., :4]  # 4 different ones of 9
    chosen[:, :, ::5, 1] = -1
    tiles = tiled(chosen, 9, 8)
    places = tiles.queries[0, 0].numel()
    for b, h, i, n in torch.cartesian_prod(*(torch.arange(size) for size in chosen.shape)).tolist():
        place = tiles.places[b, h, i, n].item()
        if chosen[b, h, i, n] < 0:
            assert place == places
        else:
            assert tiles.blocks[b, h, place // 8] == chosen[b, h, i, n]
            assert tiles.queries[b, h].flatten()[place] == i


@pytest.mark.parametrize("is_causal", [False, True])
def test_with_all_blocks_it_is_full_attention(is_causal: bool):
    query, key, value = (torch.randn(2, 4, 63, 8) for _ in range(3))
    mask = Mask(is_causal=is_causal)
    out = MixtureOfBlocks(block_size=8, blocks=8)(query, key, value, mask)
    torch.testing.assert_close(out, Sdpa()(query, key, value, mask))


def test_what_it_cannot_honour_is_refused():
    query = torch.randn(1, 1, 4, 8)
    with pytest.raises(MaskError, match="segments"):
        MixtureOfBlocks()(query, query, query, Mask(segments=torch.zeros(1, 4, dtype=torch.long)))
    with pytest.raises(ShapeError, match="at least 1"):
        MixtureOfBlocks(blocks=0)
