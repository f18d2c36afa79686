"""The metric dictionary of predicted memory."""

from __future__ import annotations

from attnprobe.records import Level, Metric


def _metric(name: str, title: str, method: str, not_said: str = "", *, level: Level = "model") -> Metric:
    unit = "parameter" if name == "parameters" else "byte"
    return Metric(
        name=name, title=title, unit=unit, level=level, exactness="exact", method=method, not_said=not_said
    )


_KERNELS = "Workspace inside kernels, and what an allocator rounds up or keeps, are not seen. "

MEMORY_METRICS = (
    _metric(
        "activation_bytes",
        "Activations kept for the backward pass",
        "Storages that ops of the model's forward made and that are alive when the backward pass starts; "
        "each counts for the op, and so for the site, that made it.",
        _KERNELS + "What a site keeps but another op made (its normalised input) counts where it was made.",
        level="site",
    ),
    _metric(
        "peak_forward_bytes",
        "Peak memory of a forward pass without gradients",
        "Largest sum of live storages over a captured forward, with parameters, buffers and inputs.",
        _KERNELS,
    ),
    _metric(
        "peak_training_bytes",
        "Peak memory of a training step",
        "Largest sum of live storages over forward, loss and backward, with parameters, buffers, inputs and "
        "the gradients of parameters as they appear.",
        _KERNELS + "The optimizer's state is not in it: see optimizer_bytes.",
    ),
    _metric("parameters", "Number of parameters", "Elements of all parameters; tied ones count once."),
    _metric(
        "parameter_bytes", "Memory of the parameters", "Elements times bytes of the dtype; tied ones once."
    ),
    _metric(
        "gradient_bytes",
        "Memory of the gradients of all floating parameters",
        "As many bytes as the floating parameters have.",
        "Frozen parameters need none; they are counted as if they were trained.",
    ),
    _metric(
        "optimizer_bytes",
        "Memory of Adam's state",
        "Two moments in the dtype of each floating parameter, as torch.optim.Adam keeps them.",
        "Master weights in float32 of mixed-precision training would come on top.",
    ),
    _metric(
        "training_state_bytes",
        "Memory that training with Adam holds between steps",
        "parameter_bytes + gradient_bytes + optimizer_bytes.",
        "Activations and buffers are not in it.",
    ),
)
