"""Why numbers of two scans cannot be held against each other."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from functools import cached_property

from attnprobe.records import Metric, Scan

_OF_THE_MODEL = frozenset(  # whatever the inputs
    {"parameters", "parameter_bytes", "gradient_bytes", "optimizer_bytes", "training_state_bytes"}
)
_READ_FROM_THE_TRACE = ("cost", "structure")
_MEASURED_COSTS = frozenset({"kernel_count", "product_count"})  # exact, but of kernels that ran
RANDOM = "the inputs are random"
_WHAT_IS_NOISY = {"ms": "times of two separate runs are not compared"}
_NOISY = "what was measured in two separate runs is not compared"


class Obstacles:
    """What differs between the circumstances of two scans, and which metrics that touches."""

    def __init__(self, base: Scan, head: Scan) -> None:
        self._base = base
        self._head = head

    @property
    def is_random(self) -> bool:
        """Whether the inputs of one of them say nothing about data."""
        return "random" in (self._base.workload.data, self._head.workload.data)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Every difference of circumstances, one phrase each."""
        return tuple(
            dict.fromkeys(
                reason
                for reason in (*self._of_tool, *self._of_workload, *self._of_run, *self._of_loss, *self._own)
                if reason
            )
        )

    def of(self, metric: Metric) -> str:
        """Why this metric cannot be compared; "" when it can.

        Args:
            metric: As the head's scan knows it.
        """
        if metric.exactness == "noisy":
            return _WHAT_IS_NOISY.get(metric.unit, _NOISY)
        if metric.name in _OF_THE_MODEL:
            return self._dtype_asked if metric.unit == "byte" else ""
        found = [*self._of_tool, *self._of_workload]
        if metric.exactness == "modelled":
            found.append(self._target_device)
        if metric.topic not in _READ_FROM_THE_TRACE or metric.name in _MEASURED_COSTS:
            found += self._of_run
        if metric.topic == "gradients":
            found += self._of_loss
        if metric.needs_data and self.is_random:
            found.append(RANDOM)
        return "; ".join(dict.fromkeys(reason for reason in found if reason))

    @cached_property
    def kernels(self) -> str:
        """Why the kernels of sites cannot be compared."""
        return "; ".join(reason for reason in (*self._of_tool, *self._of_workload) if reason)

    @cached_property
    def sizes(self) -> str:
        """Why lengths and batches of sites cannot be compared."""
        return "; ".join(reason for reason in self._of_workload if reason)

    @cached_property
    def _of_tool(self) -> tuple[str, ...]:
        return (_differ("torch", _minor(self._base.environment.torch), _minor(self._head.environment.torch)),)

    @cached_property
    def _of_workload(self) -> tuple[str, ...]:
        base, head = self._base.workload, self._head.workload
        return (
            _differ("inputs", _inputs(self._base), _inputs(self._head)),
            _differ("layers in training mode", base.train, head.train),
            _differ("with gradients", base.backward, head.backward),
            self._dtype_asked,
        )

    @cached_property
    def _of_run(self) -> tuple[str, ...]:
        base, head = self._base.workload, self._head.workload
        if "static" in (base.depth, head.depth):
            return (_differ("depth", base.depth, head.depth),)
        return (
            _differ("device", _device(self._base), _device(self._head)),
            _differ("data", base.data, head.data),
            _differ("batches", base.batches, head.batches),
            _differ("seed", base.seed, head.seed),
        )

    @cached_property
    def _of_loss(self) -> tuple[str, ...]:
        return (_differ("loss", self._base.workload.loss, self._head.workload.loss),)

    @cached_property
    def _dtype_asked(self) -> str:
        """A dtype that the model has by itself is a change of the model; one that was asked for is not."""
        base, head = self._base.workload.dtype, self._head.workload.dtype
        asked = {_option(self._base, "--dtype"), _option(self._head, "--dtype")}
        return _differ("dtype", base, head) if len(asked) > 1 else ""

    @cached_property
    def _target_device(self) -> str:
        names = [" ".join(sorted({p.device for p in scan.predictions})) for scan in (self._base, self._head)]
        return _differ("predicted for", *names)

    @cached_property
    def _own(self) -> tuple[str, ...]:
        """Differences that hinder nothing, but that a reader should know."""
        base, head = self._base, self._head
        own_dtype = "" if self._dtype_asked else _differ("dtype", base.workload.dtype, head.workload.dtype)
        return (
            own_dtype,
            _differ("attnprobe", base.tool.version, head.tool.version),
            _differ("target", base.model.target, head.model.target),
            f"{RANDOM}: numbers that describe data are not compared" if self.is_random else "",
        )


def missing_reason(scan: Scan, metric: str, name: str) -> str:
    """Why a scan lacks a metric: its own reason where it gives one.

    Args:
        name: Of the scan, as the reader knows it.
    """
    reasons = (gap.reason for gap in scan.not_measured if gap.metric == metric)
    own = next(reasons, "" if metric in scan.metrics else "its probe did not run")
    return f"not measured in {name}" + (f": {own}" if own else "")


def _differ(what: str, base: object, head: object) -> str:
    return "" if base == head else f"{what}: {base} and {head}"


def _minor(version: str) -> str:
    """ "2.13" of "2.13.0+cpu"."""
    return ".".join(version.partition("+")[0].split(".")[:2])


def _inputs(scan: Scan) -> str:
    return " ".join(f"{given.dtype}{list(given.shape)}" for given in scan.workload.inputs)


def _device(scan: Scan) -> str:
    return f"{scan.workload.device.partition(':')[0]} ({scan.environment.device})"


def _option(scan: Scan, name: str) -> str:
    words = iter(_words(scan.workload.settings.get("command", "")))
    return next((next(words, "") for word in words if word == name), "")


def _words(command: str) -> Iterator[str]:
    try:
        yield from shlex.split(command)
    except ValueError:
        return
