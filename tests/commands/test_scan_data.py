"""`attnprobe scan --data`, through the process that runs the model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.commands.running import Ran

MODEL = """
import torch
from torch import nn
from torch.nn import functional as F

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(30, 16)
        self.head = nn.Linear(16, 30)

    def forward(self, ids):
        x = self.embedding(ids)
        return self.head(F.scaled_dot_product_attention(x, x, x))

def loss(outputs, inputs):
    ids, labels = inputs
    return F.cross_entropy(outputs.flatten(0, 1), labels.flatten())
"""
BATCHES = """
import torch

def batches():
    while True:
        ids = torch.randint(30, (2, 9))
        yield [ids[:, :-1], ids[:, 1:]]
"""
SCAN = ("scan", "models/net.py", "--probe", "timing", "--repeats", "1", "-o", "json=scan.json")


def test_batches_beside_the_model_are_run(attnprobe: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "net.py").write_text(MODEL)
    (tmp_path / "models" / "texts.py").write_text(BATCHES)
    for data in ("texts:batches", "texts.py:batches", "models/texts.py:batches"):
        ran = attnprobe(*SCAN, "--data", data, "--batches", "3")
        assert ran.exit_code == 0, ran.stderr
        work = json.loads((tmp_path / "scan.json").read_text())["workload"]
        assert (work["data"], work["batches"], work["loss"]) == ("given", 3, "given")
        assert work["inputs"][0]["shape"] == [2, 8]
        assert f"--batches 3 --data {data}" in work["settings"]["command"]


def test_a_wrong_name_is_one_line_and_exit_code_3(attnprobe: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(MODEL)
    (tmp_path / "texts.py").write_text(BATCHES)
    ran = attnprobe("scan", "net.py", "--data", "texts:batchs")
    assert ran.exit_code == 3
    assert "error[E-TARGET] --data: texts has no 'batchs'; did you mean 'batches'?" in ran.stderr
