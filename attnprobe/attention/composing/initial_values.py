"""Where the weights of a layer in a deep stack start.

    "default"     as torch has it
    "xavier"      uniform, variance 2 / (fan in + fan out); Glorot and Bengio 2010 (AISTATS), equation 16
    "deepnorm"    xavier normal; all but query and key times β = (8N)^(-1/4); Wang et al. 2022,
                  arXiv:2203.00555, figure 2
    "t_fixup"     xavier; all but query and key times 0.67 N^(-1/4) in an encoder, (9N)^(-1/4) in a decoder;
                  goes without normalisation; Huang et al. 2020 (ICML), section 3.2
    "zero"        o_proj is zero: behind a residual, the layer changes nothing at first; Zhang et al. 2019,
                  arXiv:1901.09321, section 3

N is the number of layers of the stack. T-Fixup scales the embeddings also; these are not ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

from torch import nn

from attnprobe.attention.composing.residuals import check_choice
from attnprobe.errors import UsageError

Init = Literal["default", "xavier", "deepnorm", "t_fixup", "zero"]


def initialise(layer: nn.Module, scheme: Init, *, depth: int = 1, is_decoder: bool = False) -> None:
    """Set the linear layers of a module, in place.

    Args:
        layer: Whose parts are named q_proj, k_proj, …, o_proj.
        scheme: Where the weights start; biases start at zero but for "default".
        depth: Layers N of the stack.
        is_decoder: Whether T-Fixup takes the factor of decoders.

    Raises:
        UsageError: The scheme is unknown, or "zero" finds no o_proj.
    """
    check_choice("init", scheme, get_args(Init))
    if scheme == "zero":
        _shut(layer)
    elif scheme != "default":
        factor = {
            "xavier": 1.0,
            "deepnorm": deepnorm_beta(depth),
            "t_fixup": t_fixup_factor(depth, is_decoder),
        }
        for name, linear in _linears(layer):
            is_score = name.rpartition(".")[2] in ("q_proj", "k_proj")
            gain = 1.0 if is_score else factor[scheme]
            draw = nn.init.xavier_normal_ if scheme == "deepnorm" else nn.init.xavier_uniform_
            draw(linear.weight, gain=gain)
            if linear.bias is not None:
                nn.init.zeros_(linear.bias)


def deepnorm_beta(depth: int) -> float:
    """β = (8N)^(-1/4) of a stack of N layers, encoder or decoder alone."""
    return float((8 * depth) ** -0.25)


def t_fixup_factor(depth: int, is_decoder: bool) -> float:
    """What values, outputs and feed-forward layers are multiplied with."""
    return float((9 * depth) ** -0.25) if is_decoder else float(0.67 * depth**-0.25)


def _linears(layer: nn.Module) -> Iterator[tuple[str, nn.Linear]]:
    return ((name, part) for name, part in layer.named_modules() if isinstance(part, nn.Linear))


def _shut(layer: nn.Module) -> None:
    found = [linear for name, linear in _linears(layer) if name.rpartition(".")[2] == "o_proj"]
    if not found:
        raise UsageError(
            f"init 'zero' finds no o_proj in {type(layer).__name__}",
            hint="residual='scaled' starts any layer at zero.",
        )
    for linear in found:
        nn.init.zeros_(linear.weight)
        if linear.bias is not None:
            nn.init.zeros_(linear.bias)
