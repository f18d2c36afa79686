"""`attnprobe rules new`."""

from __future__ import annotations

import re
from pathlib import Path

import click

from attnprobe.commands.terminal.session import session_options
from attnprobe.errors import UsageError

_NAME = re.compile(r"([A-Z]{2,8}[0-9]{3})-([a-z][a-z0-9]*(?:-[a-z0-9]+)*)")

_TEMPLATE = """\
# The form: docs/rule.schema.json. How to write a rule: rules/README.md. Check it: attnprobe rules test {file}
schema: 1
id: {id}
name: {name}  # a noun phrase for the state that the rule finds
since: "0.1.0"
status: preview  # preview | stable | deprecated | removed
category: efficiency  # correctness efficiency memory gradient information redundancy composition change tool
severity: info  # info | warning | error: error only for what is surely wrong
precision: medium  # very-high | high | medium | low: how often a finding is right
level: site  # site | head | group | model | change | ignore
requires: [core_flops_share]  # not known at a site: "not measured", never silent
# applies:  # where the rule has something to say; elsewhere it is "not applicable", with this reason
#   when: role == "self"
#   otherwise: {{en: "not self-attention", zh: "不是自注意力"}}
when: core_flops_share > opt_share and kv_len >= opt_min_len
# at: scores  # the line that a finding points to: site scores normaliser values mask query key value
options:  # thresholds that a user may set; justify each here
  share: {{type: float, default: 0.25, min: 0, max: 1}}
  min_len: {{type: int, default: 2048, min: 1}}
evidence:  # the numbers shown, and which direction would help
  - {{metric: core_flops_share, want: lower}}
  - {{metric: kv_len}}
suggest:
  # - {{replacement: sliding_window, options: {{window_size: 1024}}}}  # a built-in attention
  - name: shorter-sequences
    exactness: retrain  # exact | approximate | retrain
    change: {{en: "Shorten the sequences.", zh: "缩短序列。"}}
text:
  title: {{en: "The quadratic part is large", zh: "二次复杂度部分偏大"}}
  message:
    en: "{{site}}: scores and values are {{core_flops_share:pct}} of the FLOPs at {{kv_len:int}} tokens"
    zh: "{{site}}：在 {{kv_len:int}} 个词元时，得分与取值占 FLOPs 的 {{core_flops_share:pct}}"
  why: {{en: "This part grows with the square of the length.", zh: "这一部分随长度的平方增长。"}}
  how:
    en: "FLOPs of both products over those of the site."
    zh: "两次乘积的 FLOPs 占该位置 FLOPs 的比例。"
  wrong_when: {{en: "the real sequences are shorter", zh: "实际序列更短"}}
references: ["Vaswani et al. 2017, arXiv:1706.03762, section 4"]
tests:  # at least one that fires and one that stays silent; both sides of each threshold
  - {{metrics: {{core_flops_share: 0.26, kv_len: 2048}}, fires: true}}
  - {{metrics: {{core_flops_share: 0.25, kv_len: 2048}}, fires: false}}
  - {{metrics: {{core_flops_share: 0.26, kv_len: 2047}}, fires: false}}
  # - {{sample: sample_models/gpt_handwritten.py, fires: []}}  # ids of the sites, or true | false
"""


@click.command(
    "new",
    short_help="Write a rule to begin with.",
    help="Write a rule to begin with: a file ID-NAME.yaml, valid and commented.",
    epilog="Example: attnprobe rules new ACME001-long-sequences --folder my_rules",
)
@click.argument("name", metavar="ID-NAME")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    show_default="here",
    help="Where to.",
)
@session_options
def new(name: str, folder: Path) -> None:
    """Write it, and say where.

    Raises:
        UsageError: The name is not of the form, the folder is missing, or the file is there.
    """
    match = _NAME.fullmatch(name.removesuffix(".yaml"))
    if match is None:
        raise UsageError(
            f"'{name}' is not of the form ID-NAME",
            hint="Capital letters, three digits, a noun phrase: ACME001-long-sequences.",
        )
    path = folder / f"{match[0]}.yaml"
    text = _TEMPLATE.format(id=match[1], name=match[2], file=path.name)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from None
    click.echo(f"{path}: now edit it, then `attnprobe rules test {path}`")
