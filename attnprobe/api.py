"""The Python API: what the command line does, in this process and on models that are already there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

from attnprobe import scan_file
from attnprobe.errors import UsageError
from attnprobe.records import Scan, ScanOptions, Severity

if TYPE_CHECKING:
    from torch import nn

    from attnprobe.loading.building.recipe import Recipe

Progress = Callable[[str, str, float | None], None]


def scan(
    model: nn.Module,
    inputs: Any = None,
    loss: Callable[[Any, Any], Any] | None = None,
    *,
    name: str = "",
    causal: bool | None = None,
    device: str | None = None,
    target_device: str | None = None,
    static: bool = False,
    train: bool = False,
    backward: bool = True,
    data: Any = None,
    batches: int | None = None,
    batch_size: int | None = None,
    seq_len: int | None = None,
    lengths: Iterable[int] = (),
    repeats: int = 7,
    warmup: int = 2,
    seed: int = 0,
    probes: Iterable[str] = (),
    skip_probes: Iterable[str] = (),
    progress: Progress | None = None,
) -> Scan:
    """Find and measure every attention of a model. The model is given back exactly as it was.

    Args:
        model: Any module.
        inputs: What it is called with: a tensor, a tuple (positional), a dict (by keyword), or a list of such
            batches. None: synthesised, and the scan says what was guessed.
        loss: loss(outputs, inputs) -> scalar; `inputs` is the whole batch. None: the model's own loss, or a
            fixed random projection.
        name: How the scan names the model. Empty: its class.
        causal: True when the model must not see the future.
        device: Where measured runs happen: "cpu", "cuda", "cuda:1". None: where the model is.
        target_device: The device of the predicted times, "h200".
        static: Shapes only, nothing is computed.
        train: Layers in training mode (dropout on).
        backward: Whether gradients are computed.
        data: Batches, instead of `inputs`: a DataLoader, a generator, any iterable, or a function that
            returns one. What the forward does not take of a batch (labels) goes to `loss` alone.
        batches: How many batches are run. None: 4 of `data`, all of a list of inputs, else one.
        batch_size: Samples of synthesised inputs.
        seq_len: Length of synthesised inputs.
        lengths: Of the cost-against-length curves. Empty: chosen.
        repeats: Timed runs.
        warmup: Runs before the timed ones.
        seed: Of every random number.
        probes: Names of the probes to run. Empty: all.
        skip_probes: Names of probes to leave out.
        progress: Called as progress(stage, "start", None), then progress(stage, outcome, seconds).

    Raises:
        UsageError: An argument is not of its kind.
        TargetError: The data holds no batches, or something that is none.
        ModelError: The model raised.
    """
    import torch
    from torch import nn

    from attnprobe.loading.building.assemble import assemble
    from attnprobe.loading.building.process_state import process_state_kept
    from attnprobe.pipeline import scan_model

    if not isinstance(model, nn.Module):
        raise UsageError(f"scan() got a model of type {type(model).__name__}; expected a torch.nn.Module")
    if any(isinstance(p, nn.parameter.UninitializedParameter) for p in model.parameters()):
        raise UsageError(
            "scan() got a model with lazy layers that have no shape yet",
            hint="Call it once on real inputs: model(*inputs); then scan it.",
        )
    if not isinstance(inputs, (torch.Tensor, tuple, list, Mapping, NoneType)):
        raise UsageError(
            f"scan() got inputs of type {type(inputs).__name__}; expected a tensor, tuple, dict or list"
        )
    if inputs is not None and data is not None:
        raise UsageError(
            "scan() got both inputs and data", hint="Give one of them: the first batch of data is traced."
        )
    options = ScanOptions(
        target=name or type(model).__name__,
        batches=batches,
        batch_size=batch_size,
        seq_len=seq_len,
        device=device or _home(model),
        target_device=target_device,
        static=static,
        train=train,
        backward=backward,
        lengths=tuple(lengths),
        repeats=repeats,
        warmup=warmup,
        seed=seed,
        probes=tuple(probes),
        skip_probes=tuple(skip_probes),
    )
    with process_state_kept(seed):
        recipe = _recipe(model, inputs, data, loss, options.target, causal)
        loaded = assemble(recipe, options, fake=False)
    return scan_model(loaded, options, progress or _silent)


def check(
    scan: Scan,
    *,
    select: Iterable[str] = ("AP",),
    ignore: Iterable[str] = (),
    options: Mapping[str, Mapping[str, Any]] | None = None,
    fail_on: Severity | None = None,
    baseline: str | Path | None = None,
    base: Scan | None = None,
    config: str | Path | None = None,
    root: str | Path = ".",
) -> Scan:
    """The scan as the rules judge it: findings, what came of every rule, budgets, and whether it passed.

    Args:
        scan: Of `attnprobe.scan` or `load_scan`. What it was judged before is replaced.
        select: Rules, by id, name or prefix: ["AP1", "kv-cache-heavy"].
        ignore: Rules to leave out.
        options: Thresholds by rule: {"AP302": {"limit": 4096}}.
        fail_on: The lowest severity that fails: "info", "warning" or "error" (unless configured otherwise).
        baseline: A file of known findings: only new and worsened ones fail.
        base: A scan of the version before, for rules and budgets about change.
        config: A pyproject.toml or attnprobe.toml. None: no file is read.
        root: The folder of the model's files: comments there may ignore findings.

    Raises:
        UsageError: A rule, an option, the configuration or the baseline is wrong.
    """
    from attnprobe.checking.settings import read_settings
    from attnprobe.judging import judge

    given = {
        "select": tuple(select),
        "deselect": tuple(ignore),
        "options": options,
        "fail_on": fail_on,
        "baseline": None if baseline is None else str(baseline),
    }
    folder = Path(root)
    settings = read_settings(
        folder, config=None if config is None else Path(config), given=given, is_searched=False
    )
    return judge(scan, settings, root=folder, base=base, base_name="base" if base is not None else "")


def load_scan(path: str | Path) -> Scan:
    """The scan saved in a file.

    Raises:
        ScanFileError: It cannot be read, or holds no scan.
    """
    return scan_file.read(Path(path))


def _recipe(
    model: nn.Module,
    inputs: Any,
    data: Any,
    loss: Callable[[Any, Any], Any] | None,
    name: str,
    causal: bool | None,
) -> Recipe:
    from attnprobe.loading.building.python_recipe import propose
    from attnprobe.loading.building.recipe import Data, Recipe

    return Recipe(
        entry=name,
        build=lambda: model,
        instance=model,
        propose=propose,
        example_inputs=None if inputs is None else lambda: inputs,
        data=None if data is None else Data(data, "data"),
        loss=loss,
        causal=causal,
        how_to_give_inputs="Give the inputs: attnprobe.scan(model, inputs).",
    )


def _home(model: nn.Module) -> str:
    parameter = next(model.parameters(), None)
    return "cpu" if parameter is None or parameter.is_meta else str(parameter.device)


def _silent(stage: str, state: str, seconds: float | None) -> None:
    pass
