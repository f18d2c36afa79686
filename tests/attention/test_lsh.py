import pytest
import torch

from attnprobe.attention import Lsh, Mask
from attnprobe.attention.sparse.buckets import hashed
from attnprobe.errors import MaskError, ShapeError
from attnprobe.testing import assert_module_conforms


def test_it_keeps_its_word():
    # Rounding in the projection of queries moves tokens to other buckets.
    layer = Lsh(32, 4, window_size=8, buckets=4, rounds=2)
    assert_module_conforms(layer, lengths=(1, 7, 63, 130), skip=["half_precision"])


def test_a_vector_falls_into_the_bucket_of_the_nearest_axis():
    rotations = torch.eye(2)[None]  # axes x, y, then -x, -y
    vectors = torch.tensor([[3.0, 1.0], [0.1, 2.0], [-5.0, 4.0], [1.0, -7.0]])[None, None]
    assert hashed(vectors, rotations).flatten().tolist() == [0, 1, 2, 3]


def test_tokens_of_one_direction_see_each_other_and_no_others():
    layer = Lsh(2, 1, window_size=4, buckets=4, rounds=1, bias=False)
    with torch.no_grad():
        for proj in (layer.qk_proj, layer.v_proj, layer.o_proj):
            proj.weight.copy_(torch.eye(2))
        layer.rotations.copy_(torch.eye(2)[None])
    x = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [2.0, 0.0], [0.0, 5.0]]])
    # Token 0 sees token 2 and the other way round, 1 sees 3; none itself.
    expected = torch.tensor([[[2.0, 0.0], [0.0, 5.0], [1.0, 0.0], [0.0, 1.0]]])
    torch.testing.assert_close(layer(x), expected)
    # Causal: the first of a bucket sees itself, as there is nothing else.
    expected = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]])
    torch.testing.assert_close(layer(x, mask=Mask(is_causal=True)), expected)


def test_more_rounds_and_a_wider_window_are_nearer_to_all_pairs():
    torch.manual_seed(0)
    x = torch.randn(1, 63, 32)
    everything = Lsh(32, 4, window_size=126, buckets=2, rounds=64)
    errors = []
    for rounds in (1, 4, 16):
        layer = Lsh(32, 4, window_size=126, buckets=2, rounds=rounds, seed=1)
        layer.load_state_dict(everything.state_dict() | {"rotations": layer.rotations})
        errors.append((layer(x) - everything(x)).norm().item())
    assert errors == sorted(errors, reverse=True)


def test_what_it_cannot_honour_is_refused():
    x = torch.randn(1, 5, 32)
    with pytest.raises(MaskError, match="cross"):
        Lsh(32, 4)(x, x)
    with pytest.raises(MaskError, match="window"):
        Lsh(32, 4)(x, mask=Mask(window=(1, 1)))
    with pytest.raises(ShapeError, match="buckets 3"):
        Lsh(32, 4, buckets=3)
