"""The texts of the files that `attnprobe init` begins."""

INPUTS = '''\
"""Batches that attnprobe runs the model on: see `inputs` in the configuration of attnprobe.

Random inputs tell costs and wrong code. What heads attend to, and which of them matter, only real data tells.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch


def make() -> Iterator[tuple[torch.Tensor, ...]]:
    """A few batches, each as the model takes it: a tensor, a tuple for *args, or a dict for **kwargs."""
    generator = torch.Generator().manual_seed(0)
    for _ in range(4):
        # Instead of these token ids: a batch of your own data.
        yield (torch.randint(0, 100, (2, 128), generator=generator),)
'''

WORKFLOW = """\
# Runs the code of the pull request: so it gets no secret, and no right to write.
name: attnprobe
on:
  pull_request:
permissions:
  contents: read
jobs:
  check:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        with: {fetch-depth: 0, persist-credentials: false}
      - uses: actions/setup-python@v5
        with: {python-version: "3.11"}
      - run: pip install torch --index-url https://download.pytorch.org/whl/cpu
      - run: pip install attnprobe  # and what the model imports
      - uses: attnprobe/attnprobe@v0  # the target and the budgets stand in the configuration
        with:
          base: ${{ github.event.pull_request.base.sha }}
"""
