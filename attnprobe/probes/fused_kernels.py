"""Why scaled_dot_product_attention did not run a fused kernel, and whether it would on a CUDA device."""

from __future__ import annotations

from attnprobe.probes.graph_reading.flow import Flow
from attnprobe.probes.graph_reading.results import Found, records, result
from attnprobe.probes.graph_reading.sdpa_calls import SdpaCall, sdpa_call
from attnprobe.records import Metric, Number, Probe, ProbeResult, Subject, Tensor

CPU = ("none", "dropout", "rank", "head_dim", "sizes", "dtype", "mask_needs_gradient", "mask_shape", "other")
CUDA = ("none", "dtype", "rank", "sizes", "head_dim", "mask")
_RANK = 4
_FUSED_ON_CPU = ("float64", "float32", "float16", "bfloat16")
_FLASH_ON_CUDA = ("float16", "bfloat16")
_LARGEST_HEAD_DIM = 256
_ALIGNED = 8  # elements of 2 bytes: 16 bytes, what a vector load of the kernels reads

METRICS = (
    Metric(
        name="fused_kernel_refusal",
        title="Why the fused kernel was refused",
        unit="1",
        level="site",
        exactness="exact",
        method="none where a fused kernel ran. Else the first of the conditions of torch's fused CPU kernel "
        "that the arguments of the call break: no dropout; 4 dims; head_dim of queries and values equal; "
        "equal batch sizes, and heads that are equal or grouped by enable_gqa; a floating dtype; a mask that "
        "needs no gradient; a mask of 2 or 4 dims. other: none of these, such as a last dim that is not "
        "contiguous, or a kernel that was switched off.",
        source="Tried out on torch 2.13; aten/src/ATen/native/transformers/sdp_utils_cpp.h",
        not_said="Anything about attention that does not call scaled_dot_product_attention.",
        topic="structure",
        labels=CPU,
    ),
    Metric(
        name="cuda_flash_refusal",
        title="What keeps FlashAttention from this call on a CUDA device",
        unit="1",
        level="site",
        exactness="modelled",
        method="The first broken condition of the flash kernel: float16 or bfloat16; 4 dims; equal batch "
        "sizes; head_dim at most 256 and equal for queries and values; no mask besides is_causal. From "
        "torch's documentation, nothing was run.",
        source="torch.nn.functional.scaled_dot_product_attention; "
        "aten/src/ATen/native/transformers/cuda/sdp_utils.cpp",
        not_said="The memory-efficient kernel still takes float32 and masks. Old devices have no flash "
        "kernel.",
        topic="structure",
        labels=CUDA,
    ),
    Metric(
        name="head_dim_padding",
        title="Elements that a head lacks to the next multiple of 8",
        unit="1",
        level="site",
        exactness="exact",
        method="(-head_dim) mod 8, or (-value_dim) mod 8 if that is larger.",
        source="NVIDIA, Matrix Multiplication Background: Tensor Cores want multiples of 8 in float16.",
        not_said="Whether the device has Tensor Cores. In float32 it matters less.",
        topic="structure",
    ),
)


def _run(subject: Subject) -> ProbeResult:
    trace = subject.trace
    flow = Flow(trace)
    cpu: dict[str, Found] = {}
    cuda: dict[str, Found] = {}
    padding: dict[str, Found] = {}
    for site, core in zip(trace.sites, trace.cores, strict=True):
        call = sdpa_call(flow, core)
        reason = "it does not call scaled_dot_product_attention"
        cpu[site.id] = reason if call is None else CPU.index("none" if call.is_fused else cpu_refusal(call))
        cuda[site.id] = reason if call is None else CUDA.index(cuda_refusal(call))
        padding[site.id] = max(-site.head_dim % _ALIGNED, -site.value_dim % _ALIGNED)
    found = {"fused_kernel_refusal": cpu, "cuda_flash_refusal": cuda, "head_dim_padding": padding}
    return result(record for metric, values in found.items() for record in records(metric, values))


def cpu_refusal(call: SdpaCall) -> str:
    """Which condition of the fused CPU kernel the arguments of a call break; "other": none that is known."""
    query, key, value = call.query, call.key, call.value
    if call.dropout > 0:
        return "dropout"
    if query is None or key is None or value is None:
        return "other"
    if any(len(tensor.shape) != _RANK for tensor in (query, key, value)):
        return "rank"
    if not query.shape[-1] == key.shape[-1] == value.shape[-1]:
        return "head_dim"
    if not _sizes_fit(query, key, value):
        return "sizes"
    if query.dtype not in _FUSED_ON_CPU:
        return "dtype"
    if call.mask is not None and call.mask.needs_weights:
        return "mask_needs_gradient"
    if call.mask is not None and len(call.mask.shape) not in (2, _RANK):
        return "mask_shape"
    return "other"


def _sizes_fit(query: Tensor, key: Tensor, value: Tensor) -> bool:
    """Equal samples; heads equal, or more than one key head for every group (a broadcast of 1 is refused)."""
    if not query.shape[0] == key.shape[0] == value.shape[0] or key.shape[1] != value.shape[1]:
        return False
    heads: Number = query.shape[1] % max(key.shape[1], 1)
    return heads == 0 and (key.shape[1] > 1 or query.shape[1] == 1)


def cuda_refusal(call: SdpaCall) -> str:
    """Which condition of the flash kernel on CUDA the arguments of a call break, by its documentation."""
    query, key, value = call.query, call.key, call.value
    if query is None or key is None or value is None or query.dtype not in _FLASH_ON_CUDA:
        return "dtype"
    if any(len(tensor.shape) != _RANK for tensor in (query, key, value)):
        return "rank"
    if not query.shape[0] == key.shape[0] == value.shape[0]:
        return "sizes"
    if query.shape[-1] != value.shape[-1] or query.shape[-1] > _LARGEST_HEAD_DIM:
        return "head_dim"
    return "none" if call.mask is None else "mask"


probe = Probe(name="fused_kernels", depth="static", metrics=METRICS, run=_run)
