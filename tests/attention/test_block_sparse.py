import pytest
import torch

from attnprobe.attention import BlockSparse, Mask, Sdpa
from attnprobe.attention.sparse.layouts import bigbird, fixed, strided
from attnprobe.errors import ShapeError
from attnprobe.testing import assert_core_conforms


@pytest.mark.parametrize("layout", ["bigbird", "strided", "fixed"])
def test_it_keeps_its_word(layout: str):
    # Blocks begin with the tensor: padding in front moves their borders.
    core = BlockSparse(block_size=8, blocks=3, layout=layout)
    assert_core_conforms(core, lengths=(1, 7, 63), skip=["padding_length"])


def test_a_strided_row_sees_its_neighbours_and_every_third_block():
    assert strided(7, 10, 3, True) == {5, 6, 7, 4, 1}
    assert strided(7, 10, 3, False) == {5, 6, 7, 8, 9, 4, 1}


def test_a_fixed_row_sees_its_stretch_and_the_last_block_of_every_stretch():
    assert fixed(7, 10, 3, True) == {6, 7, 2, 5}
    assert fixed(7, 10, 3, False) == {6, 7, 8, 2, 5}


def test_a_bigbird_row_sees_near_global_and_random_blocks():
    for row in range(1, 31):
        seen = bigbird(row, 32, 8, False)
        assert {row - 1, row, row + 1, 0, 31} <= seen
        assert len(seen) <= 8
    assert bigbird(0, 32, 8, False) == bigbird(31, 32, 8, False) == set(range(32))
    drawn = set().union(
        *(bigbird(row, 32, 8, False) - {row - 1, row, row + 1, 0, 31} for row in range(1, 31))
    )
    assert len(drawn) > 16  # not always the same ones


def test_a_causal_row_draws_the_same_blocks_however_many_follow():
    assert all(bigbird(row, 32, 6, True) == bigbird(row, 64, 6, True) for row in range(32))
    assert all(max(bigbird(row, 64, 6, True)) == row for row in range(64))


def test_with_all_blocks_it_is_full_attention():
    query, key, value = (torch.randn(1, 2, 63, 8) for _ in range(3))
    for layout in ("strided", "fixed"):
        core = BlockSparse(block_size=8, blocks=8, layout=layout)
        for mask in (Mask(), Mask(is_causal=True)):
            torch.testing.assert_close(core(query, key, value, mask), Sdpa()(query, key, value, mask))


def test_an_unknown_layout_is_refused():
    with pytest.raises(ShapeError, match="no layout 'zigzag'"):
        BlockSparse(layout="zigzag")
    with pytest.raises(ShapeError, match="at least 1"):
        BlockSparse(block_size=0)
