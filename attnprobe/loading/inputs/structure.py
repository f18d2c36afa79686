"""What the modules and parameters of a model say about its input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isqrt
from typing import Any

from torch import nn

from attnprobe.loading.inputs.options import Option, images, tokens, vectors

_SIDES = (64, 224, 32, 28, 96, 128, 256, 384)
_LENGTH_NAMES = (
    "block_size",
    "max_seq_len",
    "max_seq_length",
    "max_len",
    "max_length",
    "context_length",
    "n_ctx",
    "n_positions",
    "max_position_embeddings",
    "seq_len",
)
_SIDE_NAMES = ("image_size", "img_size", "input_size", "resolution")
_PLANAR = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.AvgPool2d, nn.MaxPool2d, nn.Upsample)
_CONVOLUTIONS = {nn.Conv1d: 1, nn.Conv2d: 2, nn.Conv3d: 3}


def input_options(module: nn.Module) -> tuple[Option, ...]:
    """What the model's first argument may be, likeliest first: read from its layers in their order."""
    found = [*_of_root(module), *_of_layers(module), *_of_bare_parameters(module)]
    stated = dict.fromkeys(
        option.shape[-1] for option in found if option.kind == "floats" and option.rank == 3
    )
    widths = [width for width in stated if isinstance(width, int)][:4]
    if not widths:
        found.append(vectors(64, "the model has no parameters that tell a width"))
    for width in widths or [64]:
        found += _other_layouts(width)
    return tuple(dict.fromkeys(found))


def _other_layouts(width: int) -> list[Option]:
    """For models whose first layer would take vectors in any arrangement, but whose code would not."""
    why = "no other layout fitted"
    maps = f"random feature maps of {width} channels"
    return [
        Option("floats", ("B", width, "I", "I"), note=f"{maps} ({why})"),
        Option("floats", ("B", "I", "I", width), note=f"{maps}, channels last ({why})"),
        Option("floats", ("S", width), note=f"random vectors of width {width}, without a batch ({why})"),
        Option("floats", ("B", width), note=f"one random vector of width {width} per sample ({why})"),
    ]


def _of_root(module: nn.Module) -> Iterator[Option]:
    """torch's own modules, whose layout is known."""
    width = getattr(module, "d_model", None) or getattr(module, "embed_dim", None)
    if isinstance(module, nn.Transformer | nn.MultiheadAttention) and isinstance(width, int):
        first = not getattr(module, "batch_first", False)
        yield vectors(width, f"of nn.{type(module).__name__}", sequence_first=first)
    elif isinstance(
        module,
        nn.TransformerEncoder
        | nn.TransformerDecoder
        | nn.TransformerEncoderLayer
        | nn.TransformerDecoderLayer,
    ):
        inner = next(part for part in module.modules() if isinstance(part, nn.MultiheadAttention))
        yield vectors(inner.embed_dim, f"of nn.{type(module).__name__}", sequence_first=not inner.batch_first)
    elif isinstance(module, nn.RNNBase):
        yield vectors(module.input_size, "of the recurrent layer", sequence_first=not module.batch_first)


def _of_layers(module: nn.Module) -> Iterator[Option]:
    """One option per layer that fixes the shape of what enters it; tables of positions come last."""
    layers = sorted(
        module.named_modules(), key=lambda item: isinstance(item[1], nn.Embedding) and _is_position(item[0])
    )
    for name, part in layers:
        why = f"from `{name}`" if name else "its own width"
        if isinstance(part, nn.Embedding):
            yield tokens(part.num_embeddings, f"the rows of `{name}`")
        elif isinstance(part, nn.BatchNorm2d):
            yield images(part.num_features, why)
        elif isinstance(part, _PLANAR):
            yield images(64, f"`{name}` takes feature maps of any width")
        elif isinstance(part, nn.Linear):
            yield vectors(part.in_features, why)
        elif isinstance(part, nn.MultiheadAttention):
            yield vectors(part.embed_dim, why)
        elif isinstance(part, nn.RNNBase):
            yield vectors(part.input_size, why)
        elif isinstance(part, nn.LayerNorm):
            yield vectors(part.normalized_shape[-1], why)
        elif type(part) in _CONVOLUTIONS:
            yield images(part.in_channels, why, _CONVOLUTIONS[type(part)])


def _of_bare_parameters(module: nn.Module) -> Iterator[Option]:
    """Matrices kept as plain parameters: x @ W takes rows of W."""
    for name, parameter in module.named_parameters():
        if parameter.dim() == 2 and not _is_position(name):
            yield vectors(parameter.shape[0], f"from the parameter `{name}`")
            yield vectors(parameter.shape[1], f"from the parameter `{name}`")


def longest(module: nn.Module) -> int | None:
    """The number of positions that the model can take, or None where nothing says so."""
    found = [part.num_embeddings for name, part in module.named_modules() if _is_position_table(name, part)]
    if not _patch_size(module):
        tensors = [*module.named_parameters(), *module.named_buffers()]
        found += [
            t.shape[-2] for name, t in tensors if _is_position(name) and t.dim() in (2, 3) and t.shape[-2] > 1
        ]
        found += [
            b.shape[-1]
            for name, b in module.named_buffers()
            if b.dim() >= 2 and b.shape[-1] == b.shape[-2] > 1
        ]
    found += [value for holder in _settings(module) for value in _whole_numbers(holder, _LENGTH_NAMES)]
    return min(found, default=None)


def image_sides(module: nn.Module) -> tuple[int, ...]:
    """Sides of a square image, likeliest first: what the model says, its position table, then usual ones."""
    stated = [value for holder in _settings(module) for value in _whole_numbers(holder, _SIDE_NAMES)]
    patch = _patch_size(module)
    for name, tensor in module.named_parameters():
        if patch and _is_position(name) and tensor.dim() in (2, 3):
            stated += _side_of(tensor.shape[-2], patch)
    for name, part in module.named_modules():
        if patch and _is_position_table(name, part):
            stated += _side_of(part.num_embeddings, patch)
    return tuple(dict.fromkeys([*stated, *_SIDES]))


def _side_of(positions: int, patch: int) -> list[int]:
    """The image side whose patches, with up to two special tokens, are that many positions."""
    return [
        isqrt(positions - extra) * patch
        for extra in (0, 1, 2)
        if isqrt(positions - extra) ** 2 == positions - extra
    ]


def _patch_size(module: nn.Module) -> int:
    """The stride of a convolution that cuts an image into patches; 0 where there is none."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d) and part.kernel_size == part.stride and part.stride[0] > 1:
            return part.stride[0]
    return 0


def _is_position(name: str) -> bool:
    return "pos" in name.rpartition(".")[2].lower() or name.lower().startswith("wpe")


def _is_position_table(name: str, part: nn.Module) -> bool:
    return isinstance(part, nn.Embedding) and (_is_position(name) or name.endswith("wpe"))


def _settings(module: nn.Module) -> Iterator[Any]:
    yield module
    for name in ("config", "cfg", "args", "params", "hparams"):
        holder = getattr(module, name, None)
        if holder is not None and not callable(holder):
            yield holder


def _whole_numbers(holder: Any, names: Sequence[str]) -> Iterator[int]:
    for name in names:
        value = holder.get(name) if isinstance(holder, dict) else getattr(holder, name, None)
        value = value[0] if isinstance(value, (tuple, list)) and value else value
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            yield value
