"""Sites with the lines of their parts, and the facts of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from attnprobe.records import AttentionSite, Core, Location, Number, Stream
from attnprobe.tracing.reading.scene import Scene
from attnprobe.tracing.structuring.dropping import dropout_op
from attnprobe.tracing.structuring.lines import lines_of, location_of
from attnprobe.tracing.structuring.masking import late_masks, mask_after_softmax, mask_value_unsafe
from attnprobe.tracing.structuring.normalising import repeated_softmax, softmax_over_queries
from attnprobe.tracing.structuring.registering import unregistered
from attnprobe.tracing.structuring.scaling import unscaled_scores
from attnprobe.tracing.structuring.splitting import scrambled_heads, scrambling_op
from attnprobe.tracing.structuring.surrounding import has_normalisation, has_residual

Facts = Mapping[str, Number | str]
_NO_PRODUCTS = "it is no attention of queries, keys and values"
_TRAINS = "the scan ran in training mode"
_WITHOUT_PRODUCTS = ("channel", "spatial", "external")


def structures(
    scene: Scene,
    cores: Sequence[Core],
    sites: Sequence[AttentionSite],
    streams: Sequence[Stream],
    *,
    train: bool,
) -> tuple[tuple[AttentionSite, ...], tuple[Facts, ...]]:
    """The sites with their lines, and what is known of the code of each."""
    together = list(zip(cores, sites, streams, strict=True))
    placed = tuple(replace(site, lines=_lines_if_any(scene, core, site.module)) for core, site, _ in together)
    return placed, tuple(_facts(scene, *each, train=train) for each in together)


def _lines_if_any(scene: Scene, core: Core, module: str) -> dict[str, Location]:
    """None of them where they cannot be told: that must not end a scan."""
    try:
        return _lines(scene, core, module)
    except Exception:
        return {}


def _lines(scene: Scene, core: Core, module: str) -> dict[str, Location]:
    late = late_masks(scene, core)
    dropped = dropout_op(scene, core, module)
    loose = unregistered(scene, core, module)
    special = {
        "late_mask": late[0] if late and not isinstance(late, str) else None,
        "heads": scrambling_op(scene, core),
        "dropout": None if dropped is None else dropped[0],
        "parameter": loose[0][1] if loose else None,
    }
    found = {name: place for name, op in special.items() if (place := location_of(scene, op)) is not None}
    return {**lines_of(scene, core), **found}


def _facts(scene: Scene, core: Core, site: AttentionSite, stream: Stream, *, train: bool) -> Facts:
    of_products = {
        "unscaled_scores": unscaled_scores,
        "softmax_over_queries": softmax_over_queries,
        "repeated_softmax": repeated_softmax,
        "mask_after_softmax": mask_after_softmax,
        "mask_value_unsafe": mask_value_unsafe,
        "scrambled_heads": scrambled_heads,
    }
    has_products = core.role not in _WITHOUT_PRODUCTS
    return {
        "eval_dropout": _TRAINS if train else _known(lambda: _dropout(scene, core, site.module)),
        "has_residual": has_residual(stream),
        "has_normalisation": _known(lambda: has_normalisation(scene, core, stream)),
        "unregistered_parameters": _known(lambda: len(unregistered(scene, core, site.module))),
        **{
            name: _known(partial(read, scene, core)) if has_products else _NO_PRODUCTS
            for name, read in of_products.items()
        },
    }


def _dropout(scene: Scene, core: Core, module: str) -> Number:
    found = dropout_op(scene, core, module)
    return 0 if found is None else found[1]


def _known(read: Callable[[], Number | str]) -> Number | str:
    """A fact; where reading it fails, that is why it is not known, and the scan goes on."""
    try:
        return read()
    except Exception as error:
        return f"it could not be read: {type(error).__name__}: {str(error)[:200]}"
