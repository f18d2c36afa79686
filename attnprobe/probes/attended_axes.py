"""Along which axes the attentions of an image model look: places, channels, or both."""

from __future__ import annotations

from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.records import AttentionSite, Metric, Probe, ProbeResult, Subject, Trace

_OF_CHANNELS = ("channel",)
_AXES = ("places", "channels")
LABELS = ("no_image", *_AXES, "both")

METRICS = (
    Metric(
        name="attended_axes",
        title="Axes along which the attentions of an image model look",
        unit="1",
        level="model",
        exactness="exact",
        method="channels or places (pixels, patches, windows, gates over the plane) when all of them weigh "
        "these, else both. no_image: no input is [B, C, H, W], or a video of one more dim.",
        not_said="Convolutions and feed-forward layers mix channels and places too.",
        topic="structure",
        labels=LABELS,
    ),
    Metric(
        name="attended_axis",
        title="Axis along which the attention of an image model looks",
        unit="1",
        level="site",
        exactness="exact",
        method="channels when the weights belong to channels, else places.",
        not_said="Which places: see the attended distance.",
        topic="structure",
        labels=_AXES,
    ),
)


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    if not trace.sites or not _sees_images(trace):
        reason = "no input is an image: floating, with 4 or 5 dims"
        not_an_image: dict[str, Found] = {"": LABELS.index("no_image")}
        return result([*records("attended_axis", {"": reason}), *records("attended_axes", not_an_image)])
    axes = {site.id: _axis(site) for site in trace.sites}
    names = {_AXES[axis] for axis in axes.values()}
    label: dict[str, Found] = {"": LABELS.index(names.pop() if len(names) == 1 else "both")}
    return result([*records("attended_axis", axes), *records("attended_axes", label)])


def _axis(site: AttentionSite) -> int:
    return int(site.role in _OF_CHANNELS or site.mechanism in _OF_CHANNELS)


def _sees_images(trace: Trace) -> bool:
    return any(
        tensor.origin.startswith("input:") and len(tensor.shape) in (4, 5) and "float" in tensor.dtype
        for tensor in trace.tensors
    )


probe = Probe(name="attended_axes", depth="static", metrics=METRICS, run=_run)
