"""A rule file to change one thing of."""

from __future__ import annotations

from pathlib import Path

import pytest

from attnprobe.checking.packs import load_file
from attnprobe.errors import RuleError

RULE = """\
schema: 1
id: ACME001
name: long-sequences
since: "0.1.0"
status: stable
category: efficiency
severity: warning
precision: high
level: site
requires: [core_flops_share]
when: core_flops_share > opt_share and kv_len >= opt_min_len
options:
  share: {type: float, default: 0.25, min: 0, max: 1}
  min_len: {type: int, default: 2048, min: 1}
evidence:
  - {metric: core_flops_share, want: lower}
suggest:
  - {replacement: sliding_window, options: {window_size: 1024}}
text:
  title: {en: "Long", zh: "长"}
  message:
    en: "{site}: {core_flops_share:pct} at {kv_len:int}"
    zh: "{site}：{kv_len:int} 时 {core_flops_share:pct}"
  why: {en: "It grows.", zh: "会增长。"}
  how: {en: "Counted.", zh: "计数。"}
  wrong_when: {en: "never", zh: "无"}
references: ["a paper"]
tests:
  - {metrics: {core_flops_share: 0.26, kv_len: 2048}, fires: true}
  - {metrics: {core_flops_share: 0.25, kv_len: 2048}, fires: false}
"""


def written(folder: Path, *changes: tuple[str, str], name: str = "ACME001-long-sequences.yaml") -> Path:
    """The rule in a file, with words replaced; each must be there."""
    text = RULE
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def fault_of(folder: Path, *changes: tuple[str, str]) -> str:
    """What is said of the rule with words replaced, without the path."""
    path = written(folder, *changes)
    with pytest.raises(RuleError) as caught:
        load_file(path)
    return caught.value.message.removeprefix(f"{path}:")
