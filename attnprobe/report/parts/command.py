"""The command line that repeats a scan."""

from __future__ import annotations

import shlex

from attnprobe.records import InputTensor, Scan
from attnprobe.report.parts.safe_text import safe


def command(scan: Scan) -> str:
    """The command, quoted for a shell. Deceptive characters of a name stand in it as visible escapes."""
    work = scan.workload
    words = ["attnprobe", "scan", scan.model.target]
    for tensor in work.inputs:
        if tensor.origin == "given":
            words += ["--input", _spec(tensor)]
    if work.batch_size is not None and not _has_given(work.inputs):
        words += ["--batch-size", str(work.batch_size)]
    if work.seq_len is not None and not _has_given(work.inputs):
        words += ["--seq-len", str(work.seq_len)]
    words += ["--dtype", work.dtype] if work.dtype else []
    words += ["--static"] if work.depth == "static" else ["--device", work.device]
    words += ["--train"] if work.train else []
    return shlex.join(safe(word) for word in words)


def _spec(tensor: InputTensor) -> str:
    return f"{tensor.name}:{tensor.dtype}[{','.join(map(str, tensor.shape))}]"


def _has_given(inputs: tuple[InputTensor, ...]) -> bool:
    return any(tensor.origin == "given" for tensor in inputs)
