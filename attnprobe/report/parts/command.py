"""The command line that repeats a scan."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from attnprobe.records import InputTensor, Scan
from attnprobe.report.parts.safe_text import safe


def command(scan: Scan) -> str:
    """The command, quoted for a shell. Deceptive characters of a name stand in it as visible escapes.

    It is the one that the scan recorded of itself (`settings["command"]`), else what can be read back from
    its workload: shapes, types, device.
    """
    recorded = scan.workload.settings.get("command")
    if recorded is not None:
        return safe(recorded, 4000)
    start = shlex.join(("attnprobe", "scan", safe(scan.model.target)))
    return f"{start} {shlex.join(safe(word) for word in _options(scan))}"


def _options(scan: Scan) -> Iterator[str]:
    work = scan.workload
    given = [tensor for tensor in work.inputs if tensor.origin == "given"]
    for tensor in given:
        yield from ("--input", _spec(tensor))
    if not given and work.batch_size is not None:
        yield from ("--batch-size", str(work.batch_size))
    if not given and work.seq_len is not None:
        yield from ("--seq-len", str(work.seq_len))
    if work.dtype:
        yield from ("--dtype", work.dtype)
    if work.train or not work.backward:
        yield "--train" if work.train else "--infer"
    yield from ("--static",) if work.depth == "static" else ("--device", work.device)
    for device in dict.fromkeys(prediction.device for prediction in scan.predictions[:1]):
        yield from ("--target-device", device)


def _spec(tensor: InputTensor) -> str:
    return f"{tensor.name}:{tensor.dtype}[{','.join(map(str, tensor.shape))}]"
