"""What a residual, a normalisation, another initialisation or clipping would change: tried on a copy.

Tried where something measured is a reason to, and a step is short; `--probe remedies` tries them anyway.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from attnprobe.errors import AttnprobeError
from attnprobe.probes.gradient_depth import probe as gradient_depth
from attnprobe.probes.gradient_flow.collecting import NO_BACKWARD
from attnprobe.probes.gradient_flow.remedy_choice import (
    FEWEST_LAYERS,
    Change,
    changes,
    largest_group,
    symptoms,
    wants_clipping,
)
from attnprobe.probes.gradients import probe as gradients
from attnprobe.probes.projection_gradients import probe as projection_gradients
from attnprobe.probes.saturation import probe as saturation
from attnprobe.probes.token_uniformity import probe as token_uniformity
from attnprobe.records import (
    Measurement,
    Metric,
    NotMeasured,
    Probe,
    ProbeResult,
    Remedy,
    Subject,
)

if TYPE_CHECKING:
    from torch import nn

_LONGEST_STEP_MS = 1500.0
_FLOPS_PER_MS = 2e7  # of a CPU, where no time was measured
_PROBES = (gradients, projection_gradients, gradient_depth, saturation, token_uniformity)
_OF_MODEL = (
    "query_key_gradient_ratio",
    "query_key_gradient_factor",
    "value_output_gradient_factor",
    "largest_logit",
    "largest_positive_logit",
)
_AT_LAST = ("mean_token_cosine",)  # read at the last site of the largest group
_OF_STEPS = ("largest_descent_step", "descent_loss_change")
_NO_SPIKES = "the norm of the gradient varies little between batches"
_NO_NORMS = "it needs the norms of three batches, from the probe gradient_batches"
_FORCE = "`--probe remedies` with the probes it reads tries them all the same"
_STEPS = (
    "Plain gradient descent over all batches once, on a copy; the rate is such that a gradient of the "
    "suggested clip norm moves the weights by 1e-3 of their norm. "
)

METRICS = (
    Metric(
        name="remedies_tried",
        title="Changes that were tried on a copy of the model",
        unit="1",
        level="model",
        exactness="exact",
        method="Each is measured by a forward and a backward of the first batch, as the model is and "
        "changed; see the list of remedies.",
        not_said="What training with the change would end at. Fresh weights replace trained ones.",
        needs_data=True,
        topic="gradients",
    ),
    Metric(
        name="largest_descent_step",
        title="Longest step of gradient descent against the weights",
        unit="1",
        level="model",
        exactness="exact",
        method=_STEPS + "max over steps of ‖step‖ / ‖weights‖, all parameters.",
        source="Pascanu et al. 2013, arXiv:1211.5063",
        not_said="The steps of another optimizer: Adam rescales every gradient.",
        needs_data=True,
        topic="gradients",
    ),
    Metric(
        name="descent_loss_change",
        title="Change of the loss over a few steps of gradient descent",
        unit="1",
        level="model",
        exactness="exact",
        method=_STEPS + "Mean loss of the batches after the steps minus before. With a loss of the user's or "
        "of the model's own only.",
        not_said="What happens later in training, or at another rate.",
        needs_data=True,
        topic="gradients",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    tried = list(changes(subject.trace))
    reason = _why_not(subject)
    if reason:
        return _gap(reason)
    copy = _copied(subject)
    if isinstance(copy, str):
        return _gap(copy)
    is_forced = "remedies" in subject.options.probes
    remedies: list[Remedy] = []
    gaps: list[NotMeasured] = []
    if is_forced or _symptoms(subject):
        if not tried:
            reason = f"no {FEWEST_LAYERS} layers are alike, or nothing of them can be changed from outside"
            gaps.append(NotMeasured(metric="remedies_tried", site="", reason=reason))
        else:
            remedies += _trials(subject, copy, tried, gaps)
    if is_forced or wants_clipping(subject.known):
        remedies += _clipping(subject, copy, gaps)
    else:
        is_known = ("gradient_norm_largest_to_median", "") in subject.known
        gaps += _missing(_OF_STEPS, _NO_SPIKES if is_known else _NO_NORMS)
    own = {r.metric: r.before for r in remedies if r.metric in _OF_STEPS}
    totals = {"remedies_tried": len({remedy.name for remedy in remedies}), **own}
    return ProbeResult(
        measurements=tuple(Measurement(metric=m, site="", value=value) for m, value in totals.items()),
        not_measured=tuple(gaps),
        remedies=tuple(remedies),
    )


def _missing(metrics: Sequence[str], reason: str) -> Iterator[NotMeasured]:
    for metric in metrics:
        yield NotMeasured(metric=metric, site="", reason=reason)


def _gap(reason: str) -> ProbeResult:
    return ProbeResult(not_measured=tuple(_missing([metric.name for metric in METRICS], reason)))


def _why_not(subject: Subject) -> str:
    """Why no remedy is tried; "" when some are."""
    if not subject.trace.backward:
        return NO_BACKWARD
    if "remedies" in subject.options.probes:
        return ""
    if not _symptoms(subject) and not wants_clipping(subject.known):
        return f"nothing that was measured is a reason to; {_FORCE}"
    milliseconds = _step_ms(subject)
    if milliseconds > _LONGEST_STEP_MS:
        return f"a step takes about {milliseconds / 1000:.1f} s; {_FORCE}"
    return ""


def _symptoms(subject: Subject) -> tuple[str, ...]:
    group = largest_group(subject.trace)
    return symptoms(subject.known, subject.trace.sites[group[-1]].id) if group else ()


def _step_ms(subject: Subject) -> float:
    """Forward and backward, as timed; else from the FLOPs of the forward, three times."""
    forward, backward = (subject.known.get((name, "")) for name in ("forward_ms", "backward_ms"))
    if forward is not None and backward is not None:
        return forward + backward
    flops = subject.known.get(("flops_forward", "")) or 0.0
    return 3 * flops / _FLOPS_PER_MS if subject.device == "cpu" else 0.0


def _copied(subject: Subject) -> nn.Module | str:
    """A copy of the model, or why there is none."""
    from copy import deepcopy

    assert subject.model is not None
    try:
        return deepcopy(subject.model.module)
    except Exception as error:
        return f"the model cannot be copied: {type(error).__name__}: {str(error)[:200]}"


def _trials(
    subject: Subject, copy: nn.Module, tried: Sequence[Change], gaps: list[NotMeasured]
) -> Iterator[Remedy]:
    """Every change after the other; one that does not run is a gap."""
    from attnprobe.probes.gradient_flow.changing import changed
    from attnprobe.probes.gradient_flow.trials import numbers

    assert subject.model is not None
    original = subject.model.module
    before = numbers(subject, copy, _PROBES)
    last = subject.trace.sites[largest_group(subject.trace)[-1]].id if subject.trace.sites else ""
    places = [(metric, "") for metric in _OF_MODEL] + [(metric, last) for metric in _AT_LAST]
    for change in tried:
        try:
            with changed(copy, original, subject.trace, change, subject.options.seed):
                after = numbers(subject, copy, _PROBES)
        except (AttnprobeError, RuntimeError) as error:
            gaps += _missing(["remedies_tried"], f"{change.name} could not be tried: {str(error)[:200]}")
            continue
        for place in places:
            if before.get(place) is not None or after.get(place) is not None:
                yield _remedy(subject, change, place, before.get(place), after.get(place))


def _remedy(
    subject: Subject, change: Change, place: tuple[str, str], before: float | None, after: float | None
) -> Remedy:
    sites = tuple(subject.trace.sites[index].id for index in change.sites)
    metric, site = place
    return Remedy(
        name=change.name,
        change=change.text,
        sites=sites,
        metric=metric,
        site=site,
        before=before,
        after=after,
    )


def _clipping(subject: Subject, copy: nn.Module, gaps: list[NotMeasured]) -> Iterator[Remedy]:
    """The same few steps without and with clipping."""
    from attnprobe.probes.gradient_flow.changing import restore
    from attnprobe.probes.gradient_flow.trials import steps

    clip = subject.known.get(("suggested_clip_norm", ""))
    if not clip:
        gaps += _missing(_OF_STEPS, _NO_NORMS)
        return
    assert subject.model is not None
    found: list[Any] = []
    for at in (None, clip):
        restore(copy, subject.model.module)
        found.append(steps(subject, copy, clip, at))
    free, clipped = found
    change = Change("gradient_clipping", f"the gradient is clipped at a norm of {clip:.3g}", ())
    yield _remedy(subject, change, ("largest_descent_step", ""), free.largest, clipped.largest)
    if not any("random projection" in note for note in subject.trace.notes if note.startswith("loss: ")):
        losses = [each.loss_after - each.loss_before for each in found]
        yield _remedy(subject, change, ("descent_loss_change", ""), *losses)
    else:
        gaps += _missing(_OF_STEPS[1:], "the loss is a random projection of the outputs: it has no aim")


probe = Probe(
    name="remedies",
    depth="measured",
    metrics=METRICS,
    run=_run,
    after=(
        "timing",
        "gradients",
        "projection_gradients",
        "gradient_depth",
        "gradient_batches",
        "saturation",
        "token_uniformity",
    ),
)
