"""The options of `attnprobe scan`. Each that ends up in `ScanOptions` has the name of its field."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

_DEVICE = re.compile(r"auto|cpu|cuda(:\d{1,3})?")
_POSITIVE = click.IntRange(min=1)
_MAX_SEED = 2**32 - 1  # NumPy takes no larger one


def _device(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not _DEVICE.fullmatch(value):
        raise click.BadParameter(f"'{value}' is none of auto, cpu, cuda, cuda:N.")
    return value


def _seconds(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not 0 <= value < float("inf"):
        raise click.BadParameter(f"{value} is not a number of seconds (0: no limit).")
    return value


_WORKLOAD = (
    click.option(
        "--input",
        "inputs",
        multiple=True,
        metavar="NAME:DTYPE[SHAPE]",
        help='Repeatable: "ids:int64[2,128]".',
    ),
    click.option(
        "--batch-size", type=_POSITIVE, help="Samples of the guessed inputs.", show_default="chosen"
    ),
    click.option("--seq-len", type=_POSITIVE, help="Length of the guessed inputs.", show_default="chosen"),
    click.option(
        "--data",
        metavar="MODULE:ITERABLE",
        help="Batches of your own: a DataLoader, list or function; also FILE.py:ITERABLE.",
    ),
    click.option(
        "--batches",
        type=_POSITIVE,
        help="How many batches are run.",
        show_default="4 of --data, all of example_inputs(), else 1",
    ),
    click.option(
        "--dtype",
        type=click.Choice(["float32", "bfloat16", "float16", "float64"]),
        help="Of the parameters and floating inputs.",
        show_default="the model's own",
    ),
    click.option("--weights", metavar="FILE", help="Weights to load, a .safetensors file."),
    click.option("--train", "mode", flag_value="train", help="Layers in training mode (dropout on)."),
    click.option("--infer", "mode", flag_value="infer", help="Forward pass only, no gradients."),
    click.option("--seed", type=click.IntRange(0, _MAX_SEED), default=0, help="Of every random number."),
)
_MEASURING = (
    click.option(
        "--device", default="auto", callback=_device, help="Where the model is run: auto, cpu, cuda, cuda:N."
    ),
    click.option(
        "--target-device", metavar="NAME", help="Predict the time on this device: h200, a100, cpu, …"
    ),
    click.option("--static", is_flag=True, help="Shapes only: no weights in memory, nothing is computed."),
    click.option(
        "--length", "lengths", type=_POSITIVE, multiple=True, help="Repeatable: lengths of the cost curves."
    ),
    click.option("--repeats", type=_POSITIVE, default=7, help="Timed runs."),
    click.option("--warmup", type=click.IntRange(min=0), default=2, help="Runs before the timed ones."),
    click.option(
        "--probe", "probes", multiple=True, metavar="NAME", help="Repeatable: run only these probes."
    ),
    click.option(
        "--skip-probe", "skip_probes", multiple=True, metavar="NAME", help="Repeatable: leave these out."
    ),
)
_LIMITS = (
    click.option(
        "--timeout", type=float, default=300, callback=_seconds, help="Seconds for the scan; 0: no limit."
    ),
    click.option(
        "--memory-limit", metavar="SIZE", help="8G, 512M.", show_default="90 % of what is available"
    ),
    click.option(
        "--env",
        "passed_names",
        multiple=True,
        metavar="NAME",
        help="Repeatable: a variable the model may see.",
    ),
)


def scan_options(command: F) -> F:
    """Add every option of a scan to a command."""
    for option in reversed((*_WORKLOAD, *_MEASURING, *_LIMITS)):
        command = option(command)
    return command


def result_options(default: str) -> Callable[[F], F]:
    """Add --output, --lang and --open.

    Args:
        default: The outputs that are written when none is asked for, as help shows them.
    """

    def add(command: F) -> F:
        for option in reversed(_result(default)):
            command = option(command)
        return command

    return add


def _result(default: str) -> tuple[Callable[[F], F], ...]:
    return (
        click.option(
            "--output",
            "-o",
            "outputs",
            multiple=True,
            metavar="FORMAT=PATH",
            help="Repeatable; '-' is stdout.",
            show_default=default,
        ),
        click.option(
            "--lang",
            "language",
            type=click.Choice(["auto", "en", "zh"]),
            help="Of the report.",
            show_default="auto: the system's",
        ),
        click.option("--open", "opens", is_flag=True, help="Open the HTML report in the browser."),
    )
