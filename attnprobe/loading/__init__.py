"""Load: a target becomes a model that can be called. One file per kind of target.

target ─ recipe ─ build ─ inputs ─ LoadedModel
"""

from __future__ import annotations

from attnprobe.records import LoadedModel, ScanOptions

__all__ = ["load"]


def load(options: ScanOptions, *, fake: bool) -> LoadedModel:
    """Turn `options.target` into a model and the inputs to call it with.

    What the target's code changes in the process (working directory, search path, random state, default
    dtype, locale, umask) is put back before this returns.

    Args:
        options: The target and what the user said about its inputs, weights and dtype.
        fake: Build without memory: parameters have shapes only. A module that the user's file holds
            ready-made at module level is real in both cases.

    Raises:
        UsageError: An option is malformed (--input, --dtype).
        TargetError: The target or its data is not there, of no known kind, or without a usable entry.
        ModelError: The user's code raised while it was imported, built or tried on the inputs.
    """
    from attnprobe.loading.building.assemble import assemble
    from attnprobe.loading.building.process_state import process_state_kept
    from attnprobe.loading.building.targets import loader_of, with_data
    from attnprobe.loading.building.torchvision_schemas import torchvision_importable

    with process_state_kept(options.seed):
        torchvision_importable()
        recipe = with_data(loader_of(options.target).recipe(options), options)
        return assemble(recipe, options, fake=fake)
