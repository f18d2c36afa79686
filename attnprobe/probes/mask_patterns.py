"""What the mask of an attention amounts to: the past, a window, or something else."""

from __future__ import annotations

from attnprobe.probes.counting.visible import band_pairs
from attnprobe.probes.graph_reading.flow import Flow, short_name
from attnprobe.probes.graph_reading.masks import Mask, masks, users_mask
from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.probes.graph_reading.sdpa_calls import sdpa_call
from attnprobe.records import AttentionSite, Core, MaskSummary, Metric, Probe, ProbeResult, Subject

LABELS = ("none", "causal", "window", "other")
_NOT_SEEN = "the values of its mask were not seen"

METRICS = (
    Metric(
        name="dense_mask_pattern",
        title="Pattern of the dense mask",
        unit="1",
        level="site",
        exactness="exact",
        method="Read from the values of the only mask: causal hides exactly the keys after the query, window "
        "shows exactly one band. A mask with other values than visible and hidden, one that hides nothing, "
        "and one that is made from an input (it may hide padding in another batch), is other; an [L, S] "
        "plane that is itself an input is read.",
        not_said="Whether the mask is needed: a flag of the kernel must express the pattern.",
        topic="structure",
        labels=LABELS,
    ),
)


def _run(subject: Subject) -> ProbeResult:
    flow = Flow(subject.trace)
    values: dict[str, Found] = {}
    for site, core in zip(subject.trace.sites, subject.trace.cores, strict=True):
        label = _label(flow, site, core)
        values[site.id] = LABELS.index(label) if label in LABELS else label
    return result(records("dense_mask_pattern", values))


def _label(flow: Flow, site: AttentionSite, core: Core) -> str:
    """One of LABELS, or why there is none."""
    if not core.mask_ops:
        call = sdpa_call(flow, core)
        has_mask = call is not None and call.mask is not None
        return _NOT_SEEN if site.visible_share is None else "other" if has_mask else "none"
    found = list(masks(flow, core))
    if not found or _has_bias(flow, core):
        return "other"  # no flag stands for a position bias
    summaries = {mask.summary for mask in found}
    if len(summaries) > 1 or core.is_causal_flag or any(_depends_on_data(flow, mask) for mask in found):
        return "other"
    return _pattern(found[0].summary)


def _has_bias(flow: Flow, core: Core) -> bool:
    """Whether something else than masks is added to the scores, or the masks lie inside of such a bias."""
    own = {*core.score_ops, *core.inner_ops}
    if any(index not in own for index in core.mask_ops):
        return True
    sums = (flow.trace.ops[i] for i in core.inner_ops if short_name(flow.trace.ops[i]) in ("add", "sub"))
    return any(op.mask is None for op in sums)


def _depends_on_data(flow: Flow, mask: Mask) -> bool:
    tensor = flow.tensor(flow.behind_views(users_mask(flow, mask)))
    is_given_plane = tensor.origin.startswith("input:") and len(tensor.shape) == 2
    return tensor.from_input and not is_given_plane


def _pattern(mask: MaskSummary) -> str:
    q_len, kv_len = (mask.shape[-2], mask.shape[-1]) if len(mask.shape) > 1 else (1, mask.shape[-1])
    if mask.is_dense_bias or q_len < 2 or q_len != kv_len:
        return "other"
    if mask.is_causal and _is_band(mask, None, 0):
        return "causal"
    right = 0 if mask.is_causal else mask.window_right
    has_window = mask.window_left is not None or mask.window_right is not None
    return "window" if has_window and _is_band(mask, mask.window_left, right) else "other"


def _is_band(mask: MaskSummary, left: int | None, right: int | None) -> bool:
    """Whether every plane shows exactly a band: as many pairs as it has, none outside of it."""
    if left is None and mask.window_left is not None:
        return False
    q_len, kv_len = mask.shape[-2:]
    return abs(mask.visible_share * q_len * kv_len - band_pairs(q_len, kv_len, left, right)) < 1e-6


probe = Probe(name="mask_patterns", depth="static", metrics=METRICS, run=_run)
