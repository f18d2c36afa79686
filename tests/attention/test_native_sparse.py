import pytest
import torch

from attnprobe.attention import Attention, Mask, NativeSparse
from attnprobe.errors import MaskError, ShapeError
from attnprobe.testing import assert_module_conforms


def _layer(**options: int) -> NativeSparse:
    torch.manual_seed(0)
    sizes = {"compressed_size": 4, "block_size": 8, "blocks": 3, "window_size": 9} | options
    return NativeSparse(32, 4, num_kv_heads=2, **sizes)


def test_it_keeps_its_word():
    # Blocks begin with the tensor: padding in front moves their borders. Rounding to half moves choices.
    assert_module_conforms(_layer(), lengths=(1, 7, 63, 130), skip=["padding_length", "half_precision"])


def test_with_all_blocks_chosen_half_precision_is_enough():
    assert_module_conforms(_layer(blocks=8), lengths=(7,), skip=["padding_length"])


def test_with_the_close_gate_alone_and_all_blocks_it_is_full_attention():
    layer = _layer(blocks=8).double()
    with torch.no_grad():
        layer.gate_proj.weight.zero_()
        # Gates of [coarse, close, near] for 4 heads; sigmoid(±100) is 1 and 4e-44.
        layer.gate_proj.bias.copy_(torch.tensor([-100.0, 100.0, -100.0]).repeat_interleave(4))
    plain = Attention(32, 4, num_kv_heads=2).double()
    plain.load_state_dict(layer.state_dict(), strict=False)
    x = torch.randn(2, 63, 32, dtype=torch.float64)
    mask = Mask(is_causal=True)
    torch.testing.assert_close(layer(x, mask=mask), plain(x, mask=mask))


def test_a_compressed_block_is_at_first_the_mean_of_its_tokens():
    layer = _layer()
    tensor = torch.arange(8.0).view(1, 1, 8, 1).expand(1, 1, 8, 8)
    # 0, 1, 2, 3 and 4, 5, 6, 7
    torch.testing.assert_close(layer.k_compression(tensor, None)[0, 0, :, 0], torch.tensor([1.5, 5.5]))


def test_what_it_cannot_honour_is_refused():
    x = torch.randn(1, 5, 32)
    with pytest.raises(MaskError, match="bidirectional"):
        _layer()(x)
    with pytest.raises(MaskError, match="cross"):
        _layer()(x, x, mask=Mask(is_causal=True))
    with pytest.raises(ShapeError, match="no multiple of compressed_size"):
        _layer(compressed_size=3)
