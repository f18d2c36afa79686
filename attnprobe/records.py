"""Every record that passes between stages: pure data, no torch.

    ScanOptions ─ load ─ LoadedModel ─ trace ─ Trace (Op, Tensor, Core, AttentionSite)
                 ─ probe ─ Measurement, Curve, Prediction, NotMeasured ─ assemble ─ Scan
    Scan ─ check ─ Scan with Findings, RuleOutcomes, a Judgement ─ report

Sequences are tuples. Unknown is None with a reason beside it, never 0. Derived values are properties.
`LoadedModel` is the only record that holds something of torch's; nothing after `load` does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from torch import nn

SCHEMA_VERSION = 1

Number = int | float  # both, so that an exact count above 2**53 stays exact in the saved file
Depth = Literal["static", "measured"]
Level = Literal["head", "site", "model"]
Exactness = Literal["exact", "sampled", "noisy", "modelled"]
Topic = Literal["cost", "gradients", "heads", "information", "approximability", "correctness", "structure"]
Phase = Literal["forward", "backward", "recompute"]
Role = Literal["self", "cross", "pooling", "channel", "spatial", "external"]
Severity = Literal["info", "warning", "error"]
Text = Mapping[str, str]  # language -> sentence: {"en": …, "zh": …}


# ── what the user asked for ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanOptions:
    """What the user asked for, as the command line or the Python call gave it."""

    target: str
    inputs: tuple[str, ...] = ()  # "ids:int64[2,128]"
    batch_size: int | None = None
    seq_len: int | None = None
    dtype: str | None = None  # "float32", "bfloat16", "float16"; None: the model's own
    weights: str | None = None  # a .safetensors file
    device: str = "auto"  # where measured runs happen
    target_device: str | None = None  # the device of the roofline prediction
    static: bool = False
    train: bool = False  # layers in training mode (dropout on)
    backward: bool = True
    lengths: tuple[int, ...] = ()  # of the cost-against-length curves; empty: chosen
    repeats: int = 7
    warmup: int = 2
    seed: int = 0
    batches: int | None = None  # at most so many; None: 4 of `data`, all of the examples, else one
    data: str | None = None  # "module:iterable" of batches, or "file.py:iterable"
    probes: tuple[str, ...] = ()  # empty: all
    skip_probes: tuple[str, ...] = ()


# ── what the user decided ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class IgnoreEntry:
    """A decision to live with findings of a rule."""

    rules: tuple[str, ...]  # "AP202", "quadratic-core-dominates", or a prefix, "AP2"
    site: str = "*"  # glob over site ids
    reason: str = ""
    until: str = ""  # "2027-03-31"
    owner: str = ""
    origin: str = ""  # "pyproject.toml:31", "model.py:58"
    is_inline: bool = False
    lines: tuple[int, int] | None = None  # of an inline one: the first and last line that it covers


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Other options or another severity at some sites."""

    match: str  # glob over site ids
    options: Mapping[str, Mapping[str, Number | str | bool]] = field(default_factory=dict)  # rule -> option
    severity: Mapping[str, Severity] = field(default_factory=dict)
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A limit for one number of the whole model, or for its change."""

    metric: str
    text: str  # as written: "1.9 GF", "+2%"
    limit: Number | None = None  # absolute, in the metric's unit
    change: Number | None = None  # absolute change, in the metric's unit
    relative: float | None = None  # .02 for "+2%"
    is_blocking: bool = True
    is_paired: bool = False  # a time: only from interleaved runs of both versions in one job
    runs: int = 7  # of a paired time
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Configuration: the command line over ATTNPROBE_* over the nearest file over the defaults."""

    model: str = ""  # the target of `check` without one
    language: str = "auto"
    select: tuple[str, ...] = ("AP",)  # rule ids, names or prefixes
    deselect: tuple[str, ...] = ()  # of the command line: needs no reason
    preview: bool = False  # rules of status "preview" too
    fail_on: Severity = "error"
    block: Literal["exact", "sampled", "noisy"] = "exact"  # the least exact number that may fail a check
    severity: Mapping[str, Severity] = field(default_factory=dict)  # rule id -> severity
    options: Mapping[str, Mapping[str, Number | str | bool]] = field(default_factory=dict)  # rule -> option
    overrides: tuple[Override, ...] = ()
    ignores: tuple[IgnoreEntry, ...] = ()
    budgets: tuple[Budget, ...] = ()
    baseline: str = ""  # path
    packs: tuple[str, ...] = ()  # further folders of rules
    max_ignore_days: int | None = None
    scan: Mapping[str, Number | str | bool | tuple[Number | str, ...]] = field(
        default_factory=dict
    )  # options of the scan by the names of the command's parameters: "seq_len", "inputs"
    today: str = ""  # "2026-11-21": when ignores end is judged by this day
    origins: Mapping[str, str] = field(default_factory=dict)  # key -> "pyproject.toml:12", "ATTNPROBE_X"
    files: tuple[str, ...] = ()  # the configuration files that were read
    notices: tuple[str, ...] = ()  # "attnprobe.toml was read, not the pyproject.toml beside it"


# ── load ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class InputTensor:
    """One tensor that the model was called with."""

    name: str  # keyword, or "0", "1" … for positional ones
    shape: tuple[int, ...]
    dtype: str  # "int64", "float32"
    origin: Literal["given", "guessed"]
    note: str = ""  # how it was guessed


@dataclass(slots=True, kw_only=True)
class LoadedModel:
    """A model ready to be called: `module(*args, **kwargs)`.

    `module` may hold fake parameters (shapes without memory); `rebuild`, when there is one, makes the same
    model for real.
    """

    module: nn.Module
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    target: str
    entry: str  # "model.py:GPT()", "hf:llama"
    inputs: tuple[InputTensor, ...]
    loss: Callable[[Any, Any], Any] | None = None  # loss(outputs, inputs) -> scalar
    causal: bool | None = None  # True: this model must not see the future
    is_fake: bool = False
    fake_world: Any = None  # the `fake_tensors.FakeWorld` in which a fake model lives
    rebuild: Callable[[], nn.Module] | None = None
    batches: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = ()  # further (args, kwargs)
    data: Literal["given", "random"] = "random"  # given: the values of the inputs are the user's own
    loss_inputs: tuple[Any, ...] = ()  # per batch, the first included: what `loss` gets, where it is more
    guessed: tuple[str, ...] = ()  # one sentence per guess


# ── trace: one capture ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Location:
    """A line of the user's code."""

    file: str  # relative to the working directory, or to the package that holds it
    line: int
    function: str
    end_line: int | None = None  # of the expression, where Python tells
    column: int | None = None  # from 1, in characters
    end_column: int | None = None  # the first after it

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(slots=True)
class Tensor:
    """What is known of a tensor that passed through the capture. No data."""

    id: int
    shape: tuple[int, ...]
    dtype: str  # "float32"
    itemsize: int  # bytes
    storage: int  # tensors that share memory share this id
    storage_bytes: int
    # "parameter:NAME", "buffer:NAME", "input:NAME"; "unregistered": a weight that is no parameter of the
    # model; "" for a computed one
    origin: str = ""
    needs_weights: bool = False  # computed from parameters or floating inputs (masks and positions are not)
    from_input: bool = False  # computed from an input of the model (learned queries and weights are not)
    scalar: float | None = None  # the value of a steering tensor without dims, e.g. a scale

    @property
    def numel(self) -> int:
        """Number of elements."""
        count = 1
        for size in self.shape:
            count *= size
        return count

    @property
    def nbytes(self) -> int:
        """Bytes of its elements (an expanded view counts as if it were dense)."""
        return self.numel * self.itemsize


@dataclass(frozen=True, slots=True)
class Ref:
    """A tensor argument of an op: stands for `Trace.tensors[id]`."""

    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskSummary:
    """What a mask lets through, read from its values.

    A mask is [..., L, S]; entry (i, j) is visible when query i may attend to key j.
    """

    shape: tuple[int, ...]
    dtype: str
    visible_share: float  # visible entries / all entries
    visible_pairs: int  # of one [L, S] plane, mean over planes, rounded down
    is_causal: bool  # no plane shows a key later than its query (aligned at the last key)
    window_left: int | None  # farthest visible key to the left, when less than the causal reach
    window_right: int | None
    fully_masked_rows: int  # queries without any visible key, over all planes
    lowest: float  # the finite or infinite number that hides an entry; 0 for a bool mask
    is_dense_bias: bool = False  # values other than "visible 0" and "hidden": a position bias as well


@dataclass(slots=True)
class Op:
    """One executed ATen op."""

    index: int
    name: str  # "aten.bmm.default"
    function: str  # the torch function of the user's code during which it ran, "" if none was seen
    phase: Phase
    arguments: tuple[Any, ...]  # positional; Ref for tensors, tuples for lists
    keywords: Mapping[str, Any]
    inputs: tuple[int, ...]  # tensor ids in argument order
    outputs: tuple[int, ...]
    module: str  # qualified name of the innermost module, "" for the model itself
    call: int  # 0 for the first call of that module in this run
    location: Location | None
    sequence: int  # autograd sequence number of its node; -1 when none
    forward_op: int | None = None  # of a backward or recomputed op: the op of the first forward pass
    writes: tuple[int, ...] = ()  # tensor ids that it changes in place
    mask: MaskSummary | None = None  # of the mask among its arguments
    zeroing: MaskSummary | None = None  # of the mask by which it sets entries to zero


@dataclass(frozen=True, slots=True, kw_only=True)
class BlindSpot:
    """A part of the model that could not be seen into."""

    module: str
    kind: Literal["torchscript", "compiled", "opaque_op", "untraced_call", "data_dependent", "other"]
    reason: str
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class MemoryEvent:
    """A storage that came or went."""

    op: int  # index of the op during which it happened; -1: before the first
    storage: int
    delta_bytes: int  # > 0 allocated, < 0 freed


@dataclass(frozen=True, slots=True)
class Operand:
    """A tensor of a core as it lies in memory: what each of its dims counts, outermost factor first.

    Letters: n samples, w windows within a sample, h heads (of the keys, in keys and values), r copies of a
    key-value head, l queries, s keys, d width. A dim of size 1 has no factors.
    """

    tensor: int
    dims: tuple[tuple[tuple[str, int], ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The heart of one attention: scores, normaliser, values; found in the op graph. Ids index the trace."""

    mechanism: str
    normaliser: str  # "softmax", "sigmoid", "none", …
    role: Role
    score_ops: tuple[int, ...]  # the contraction(s) that make the scores; the fused op itself
    value_ops: tuple[int, ...]  # the contraction(s) with the values
    inner_ops: tuple[int, ...]  # everything between them: scale, mask, bias, normaliser, dropout
    query: int | None  # tensor ids as they enter the core
    key: int | None
    value: int | None
    output: int
    batch: int  # samples (and windows) that share no keys
    windows: int  # of `batch`: windows, patches, rows per sample that attend within themselves
    num_heads: int
    num_kv_heads: int
    head_dim: int
    value_dim: int
    q_len: int
    kv_len: int
    scale: float | None
    dropout: float
    mask_ops: tuple[int, ...]  # ops whose `mask` applies
    is_causal_flag: bool
    kernel: str
    notes: tuple[str, ...] = ()
    parts: tuple[
        Core, ...
    ] = ()  # the cores of which this one was put together: one per head, or per block of queries
    # "query", "key", "value", "scores" (as they enter the normaliser), "weights" (as they meet the values),
    # "output"; only those whose dims could be told
    operands: Mapping[str, Operand] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """Where a site stands between the layers. Tensor ids of the trace; each is [B, S, E] or a view of it."""

    entry: int | None  # the hidden states that the site starts from, before a normalisation of its own
    read: int | None  # what the projections of the queries read; `entry` itself without a pre-normalisation
    branch: int | None  # what the site gives back, after its output projection: the addend
    exit: int | None  # `entry` + `branch`, after a normalisation that follows the sum
    has_residual: bool | None  # `branch` is added to `entry`, or what a norm made of it; None: not known
    norm: Literal["pre", "post", "both", "none"]  # before the projections, after them or the sum


@dataclass(frozen=True, slots=True, kw_only=True)
class AttentionSite:
    """One place where attention is computed."""

    id: str  # "h.0.attn"; "h.0.attn#1" for its second call; "h.0.attn:1" for a second core in one call
    module: str
    module_class: str
    call: int
    mechanism: str  # dot_product, additive, linear, pooling, talking_heads, channel, spatial, external, …
    normaliser: str
    role: Role
    kernel: str  # "math", "aten._scaled_dot_product_flash_attention_for_cpu", …
    num_heads: int
    num_kv_heads: int
    head_dim: int
    value_dim: int
    batch: int
    windows: int
    q_len: int
    kv_len: int
    is_causal: bool | None
    window_left: int | None
    window_right: int | None
    visible_share: float | None  # of the L x S pairs; None: the mask's values were not seen
    scale: float | None
    dropout: float
    projections: Mapping[str, str]  # {"query": PARAMETER, "key": …, "value": …, "output": …}
    projection_rows: Mapping[
        str, tuple[tuple[int, int, int], ...]
    ]  # role -> (start, stop, step) along dim 0 or 1
    location: Location | None
    group: str  # "h.{0..11}.attn": identical sites share it
    lines: Mapping[str, Location] = field(
        default_factory=dict
    )  # "scores", "normaliser", "values", "mask", "query", "key", "value" (where it was split into heads); of
    # faults: "late_mask", "heads" (the view that mixes them with tokens), "dropout", "parameter"
    notes: tuple[str, ...] = ()
    metrics: Mapping[str, Number | None] = field(default_factory=dict)
    head_metrics: Mapping[str, tuple[Number | None, ...]] = field(default_factory=dict)


Component = Literal["scores", "normaliser", "values", "projections", "positions", "masks", "copies"]


@dataclass(slots=True, kw_only=True)
class Trace:
    """One capture of the model, understood. Lives in memory only; a Scan is what is saved."""

    ops: tuple[Op, ...]
    tensors: tuple[Tensor, ...]
    events: tuple[MemoryEvent, ...]
    sites: tuple[AttentionSite, ...]
    cores: tuple[Core, ...]  # parallel to `sites`
    streams: tuple[Stream, ...] = ()  # parallel to `sites`
    # parallel to `sites`: fact of the code (name of its metric) -> number, or why it is not known
    structures: tuple[Mapping[str, Number | str], ...] = ()
    site_of_op: Mapping[int, tuple[int, Component]]  # forward op -> (index into sites, its part)
    blind_spots: tuple[BlindSpot, ...]
    module_classes: Mapping[str, str]
    parameters: Mapping[str, tuple[tuple[int, ...], str]]  # name -> (shape, dtype), tied ones once
    forward_end: int  # index of the first op after the model's forward (the loss follows)
    loss_end: int  # index of the first op of the backward
    output_storages: frozenset[int]
    is_fake: bool
    train: bool
    backward: bool
    seconds: float
    length_dims: Mapping[str, tuple[int, ...]]  # input name -> dims along which the sites' tokens lie
    notes: tuple[str, ...] = ()

    @property
    def seq_len(self) -> int | None:
        """Size of the inputs along the dim of the sites' tokens; the longest when they differ.

        None when no input has such a dim (images, or no attention found).
        """
        sizes = [
            tensor.shape[dim]
            for tensor in self.tensors
            if tensor.origin.startswith("input:")
            for dim in self.length_dims.get(tensor.origin.removeprefix("input:"), ())
            if dim < len(tensor.shape)
        ]
        return max(sizes, default=None)


# ── probe ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """An entry of the metric dictionary."""

    name: str
    title: str  # a noun phrase, "FLOPs of the forward pass"
    unit: str  # "FLOP", "byte", "ms", "1"
    level: Level
    exactness: Exactness
    method: str  # how it is found, with the formula
    source: str = ""
    not_said: str = ""  # what it does *not* say
    needs_data: bool = False  # means little on random inputs
    topic: Topic = "cost"
    headline: bool = False  # shown in the terminal's summary and first in its topic
    labels: tuple[str, ...] = ()  # of an enumeration: what the values 0, 1, … stand for


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number. `site` is "" for the whole model."""

    metric: str
    site: str
    value: Number | None
    per_head: tuple[Number | None, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadMatrix:
    """A number for every pair of heads of one site. Symmetric, the diagonal included."""

    metric: str
    site: str
    values: tuple[tuple[float | None, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotMeasured:
    """A number that is missing, and why."""

    metric: str
    site: str  # "": the whole model
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A metric against the sequence length."""

    metric: str
    site: str  # "": the whole model
    lengths: tuple[int, ...]
    values: tuple[Number, ...]
    method: str  # "traced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """Roofline time of one site (or the model, site "") on a named device."""

    device: str
    workload: Literal["prefill", "training", "decode"]
    site: str
    flops: Number
    bytes: Number
    compute_ms: float
    memory_ms: float
    ms: float
    bound: Literal["compute", "memory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CostShare:
    """What one part of the model costs. `part` is attention, feed_forward, convolution, other."""

    part: str
    metric: str  # flops_forward, activation_bytes, kv_cache_bytes_per_token, forward_ms
    value: Number
    share: float  # of the model's total


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossCheck:
    """The same number from an independent counter."""

    counter: str  # "fvcore 0.1.5"
    metric: str
    ours: Number
    theirs: Number | None
    difference: float | None  # (theirs - ours) / ours
    explanation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownOp:
    """An op that may cost FLOPs for which there is no formula."""

    name: str
    count: int
    modules: tuple[str, ...]
    shapes: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """What one change, made to a copy of the model, did to one number. Both were measured on one batch."""

    name: str  # "residual"
    change: str  # what was done, in a sentence
    sites: tuple[str, ...]  # to which of them
    metric: str
    site: str  # where the metric is read; "": the whole model
    before: Number | None  # None: it could not be measured
    after: Number | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What one probe found out."""

    measurements: tuple[Measurement, ...] = ()
    matrices: tuple[HeadMatrix, ...] = ()
    not_measured: tuple[NotMeasured, ...] = ()
    cost_shares: tuple[CostShare, ...] = ()
    curves: tuple[Curve, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    cross_checks: tuple[CrossCheck, ...] = ()
    unknown_ops: tuple[UnknownOp, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Subject:
    """What a probe looks at. A probe changes nothing of it."""

    trace: Trace
    options: ScanOptions
    model: LoadedModel | None = None  # on `device`, with real weights; None in a static scan
    device: str = "cpu"
    known: Mapping[tuple[str, str], float | None] = field(default_factory=dict)  # (metric, site) so far
    retrace: Callable[[int], Trace] | None = None  # forward-only trace at another sequence length
    trace_of: Callable[[LoadedModel], Trace] | None = None  # real, forward-only, in evaluation mode
    trace_batch: Callable[[LoadedModel, bool], Trace] | None = None  # on other inputs; True: for real
    watched: Mapping[str, Any] = field(
        default_factory=dict
    )  # probe -> its watcher, after the instrumented run


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One measurement: a file of `attnprobe/probes/` that defines `probe`."""

    name: str
    depth: Depth
    metrics: tuple[Metric, ...]
    run: Callable[[Subject], ProbeResult]
    after: tuple[str, ...] = ()  # probes whose numbers it reads from `known`
    watch: Callable[[Subject], Any] | None = None  # makes its `observing.Watcher` of the instrumented run


# ── the record that is saved ─────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolInfo:
    """Which attnprobe made the scan."""

    name: str
    version: str
    plugins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """Where the scan ran. No host name, no user, no absolute path."""

    python: str
    torch: str
    platform: str
    device: str  # "cpu", "NVIDIA H200"
    threads: int
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInfo:
    """Which model was scanned."""

    target: str
    entry: str
    class_name: str
    parameters: int
    parameter_bytes: int
    trainable_parameters: int
    causal_declared: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """What the model was run on."""

    inputs: tuple[InputTensor, ...]
    batch_size: int | None
    seq_len: int | None
    device: str
    dtype: str
    train: bool
    backward: bool
    loss: str  # "given", "the model's own", "random projection of the output (seed 0)"
    guessed: tuple[str, ...]
    depth: Depth
    seed: int
    data: Literal["given", "random"] = "random"  # random: metrics that need data mean little
    batches: int = 1  # that the instrumented run saw
    settings: Mapping[str, str] = field(default_factory=dict)  # repeats, warm-up, lengths …


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One step of the scan and how long it took."""

    name: str
    seconds: float
    outcome: str  # "24 attention sites in 2 groups"
    ok: bool = True


# ── check ────────────────────────────────────────────────────────────────────────────────────────

Category = Literal[
    "correctness",
    "efficiency",
    "memory",
    "gradient",
    "information",
    "redundancy",
    "composition",
    "change",
    "tool",
]
Subjects = Literal["site", "head", "group", "model", "change", "ignore"]  # what a rule looks at
Outcome = Literal["fired", "passed", "not_applicable", "not_measured"]
Verdict = Literal["better", "worse", "changed", "same", "within_noise", "added", "removed", "not_comparable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleCard:
    """What a report needs to know of a rule, as it was applied."""

    id: str  # "AP202"
    name: str
    since: str
    status: Literal["preview", "stable", "deprecated"]
    category: Category
    severity: Severity  # in force
    precision: Literal["very-high", "high", "medium", "low"]
    level: Subjects
    when: str  # the expression, "core_flops_share > opt_share and kv_len >= opt_min_len"
    options: Mapping[str, Number | str | bool]  # in force for the model as a whole
    metrics: tuple[str, ...]  # that it reads
    exactness: Exactness  # of the least exact of them
    title: Text
    why: Text
    how: Text
    wrong_when: Text
    references: tuple[str, ...]
    pack: str  # "core"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """What a metric was held against."""

    metric: str
    comparison: Literal["<", "<=", ">", ">=", "==", "!="]  # the state that the rule finds
    limit: Number | str | bool
    option: str = ""  # that sets it; "": fixed in the rule
    want: Literal["lower", "higher", ""] = ""  # the direction that would help


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One of the places where a rule fired."""

    site: str  # "": the whole model
    heads: tuple[int, ...]
    evidence: Mapping[str, Number | str | bool | None]
    location: Location | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What a remedy would save: modelled or measured, never both, never summed. < 0: it would cost."""

    remedy: str  # name of the suggestion
    metric: str
    amount: Number  # in the metric's unit, over all sites of the finding
    local: float  # share of the metric inside the sites of the finding
    of_model: float  # share of the metric of the whole model
    status: Literal["modelled", "measured", "heuristic"]
    formula: str  # with the numbers put in


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplacementOption:
    """A choice that a built-in attention leaves. Numbers may be expressions over the facts of a site."""

    default: Number | bool | str  # "num_kv_heads // 4"
    low: str = ""  # smallest value at a site; "" without a bound
    high: str = ""  # largest value at a site


@dataclass(frozen=True, slots=True, kw_only=True)
class FitCondition:
    """What a site must be like for a replacement to make sense there, and what is said where it is not."""

    when: str  # expression over the facts of the site and the options
    otherwise: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Replacement:
    """A built-in attention as far as a report needs it: where it fits, what it changes, what it costs.

    Expressions read fields of `AttentionSite`, its metrics and the options by name.
    """

    name: str  # that of its file
    title: Text
    change: Text  # what to do, in a sentence; {option} is put in
    exactness: Literal["exact", "approximate", "retrain"]
    risk: Literal["none", "low", "medium", "high"]  # for the quality of the outputs
    source: str
    aliases: tuple[str, ...] = ()  # other names that rules may use: "gqa"
    options: Mapping[str, ReplacementOption] = field(default_factory=dict)
    fits: tuple[FitCondition, ...] = ()
    costs: Mapping[str, str] = field(default_factory=dict)  # metric -> its value at the site afterwards


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A remedy for a finding: a built-in attention, or a change of the code."""

    name: str  # "sliding_window"
    options: Mapping[str, Number | str | bool]
    exactness: Literal["exact", "approximate", "retrain"]
    change: Text  # what to do, in a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A rule that fired: one for a group of identical layers."""

    rule: str
    name: str
    severity: Severity
    sites: tuple[str, ...]  # () for the whole model
    heads: tuple[int, ...]  # of the worst instance
    location: Location | None
    message: str  # English
    evidence: Mapping[str, Number | str | bool | None]  # of the worst instance
    savings: tuple[Saving, ...]
    suggestions: tuple[Suggestion, ...]
    fingerprint: str  # 16 hex digits: no line, no number
    messages: Text = field(default_factory=dict)
    where: str = ""  # "h.{0..11}.attn"; "" for the whole model
    limits: tuple[Limit, ...] = ()
    formula: str = ""  # the rule's expression with the numbers put in
    instances: tuple[Instance, ...] = ()  # worst first
    is_blocking: bool = False
    state: Literal["new", "known", "worsened"] = "new"  # against the baseline


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A finding that somebody decided to live with."""

    finding: Finding
    reason: str
    until: str  # "2027-03-31"; "" for ever
    owner: str
    origin: str  # "pyproject.toml:31", "model.py:58"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOutcome:
    """What came of one rule."""

    rule: str
    outcome: Outcome
    subjects: int  # sites, heads … that it looked at
    reason: str = ""  # why it was not applicable or not measured
    reasons: Text = field(default_factory=dict)
    partly: int = 0  # of `subjects`: where it could not be measured although it could elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetResult:
    """A number against the budget that the configuration gives it."""

    metric: str
    limit: Number | None  # absolute; of a change: the largest allowed value, from `base`; None without one
    value: Number | None
    base: Number | None  # of a change: the value before
    text: str  # as it was written: "+2%", "1.9 GF"
    is_met: bool | None  # None: not known, and `reason` says why
    is_blocking: bool
    reason: str
    origin: str  # "pyproject.toml:31"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One number, one site or one finding before and after."""

    kind: Literal["total", "site", "finding"]
    name: str  # metric, site or rule
    where: str  # site or group; "" for the whole model
    base: Number | str | None  # of a site: "num_kv_heads 32"; of a finding: number of its places
    head: Number | str | None
    relative: float | None  # (head - base) / base
    verdict: Verdict
    reason: str = ""  # why it cannot be compared; the noise


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedTimes:
    """Times of two versions whose runs took turns in one job."""

    metric: str  # "forward_ms"
    base_ms: tuple[float, ...]  # one per pair
    head_ms: tuple[float, ...]
    ratio: float  # median over the pairs of head / base
    low: float  # ends of the interval of that median
    high: float
    confidence: float  # with which the interval holds it


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two scans of one model, before and after."""

    base: str  # "origin/main (1a2b3c4)", "base.json"
    head: str
    changes: tuple[Change, ...]
    reasons: tuple[str, ...] = ()  # why the two are only partly comparable
    times: tuple[PairedTimes, ...] = ()  # only where the versions ran in turns


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What the rules made of a scan, and under which settings."""

    passed: bool
    fail_on: Severity
    ruleset: str  # hash of all rules and options in force, 16 hex digits
    packs: tuple[str, ...]  # "core 0.1.0 (66 rules)"
    baseline: str  # path and date of the baseline; "" without one
    origins: tuple[str, ...]  # the configuration files that were read
    notices: tuple[str, ...] = ()  # "the ignore of AP203 at pyproject.toml:31 expires in 9 days"
    stale: tuple[str, ...] = ()  # entries of the baseline that no finding answers to


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A replacement that was tried on the user's model."""

    site: str
    replacement: str
    options: Mapping[str, str]
    exactness: Literal["exact", "approximate", "retrain"]
    output_drift: float | None
    gradient_drift: float | None
    time_ratio: float | None
    memory_ratio: float | None
    predicted: Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """Everything that is known about one model under one workload. Saved as attnprobe-scan.json."""

    schema: int
    tool: ToolInfo
    environment: Environment
    model: ModelInfo
    workload: Workload
    metrics: Mapping[str, Metric]
    totals: Mapping[str, Number | None]
    sites: tuple[AttentionSite, ...]
    cost_shares: tuple[CostShare, ...] = ()
    curves: tuple[Curve, ...] = ()
    matrices: tuple[HeadMatrix, ...] = ()
    predictions: tuple[Prediction, ...] = ()
    cross_checks: tuple[CrossCheck, ...] = ()
    unknown_ops: tuple[UnknownOp, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    blind_spots: tuple[BlindSpot, ...] = ()
    not_measured: tuple[NotMeasured, ...] = ()
    findings: tuple[Finding, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    rules: Mapping[str, RuleCard] = field(default_factory=dict)
    outcomes: tuple[RuleOutcome, ...] = ()  # one per rule
    budgets: tuple[BudgetResult, ...] = ()
    comparison: Comparison | None = None
    judgement: Judgement | None = None
    trials: tuple[Trial, ...] = ()
    stages: tuple[Stage, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def groups(self) -> Mapping[str, tuple[AttentionSite, ...]]:
        """Identical sites together, in order of first appearance."""
        found: dict[str, list[AttentionSite]] = {}
        for site in self.sites:
            found.setdefault(site.group, []).append(site)
        return {name: tuple(sites) for name, sites in found.items()}
