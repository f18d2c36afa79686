from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from attnprobe.checking.suppressing import Inline, inline_ignores
from attnprobe.records import IgnoreEntry, Location, Scan
from tests.report.sample_scans import gpt_scan

MODEL = """\
import torch
# attnprobe: ignore[AP105] -- not a line of any statement of the class

# attnprobe: ignore[AP106] -- the whole class, from above
@decorated
class Attention(Base):  # attnprobe: ignore[AP107] -- the whole class
    '''# attnprobe: ignore[AP999] -- a text, no comment'''

    def forward(
        self, x,  # attnprobe: ignore[AP108] -- the whole function
    ):
        # attnprobe: ignore[AP109] -- the statement below
        scores = torch.matmul(
            x,  # attnprobe: ignore[AP110] -- all lines of the statement
            x.mT,
            # attnprobe: ignore[AP111] -- so does this
        )
        if x.is_cuda:  # attnprobe: ignore[AP112] -- the head alone
            scores = scores / 2  # attnprobe: ignore[AP113] until=2027-03-31 owner=@lin -- see #412
        return scores.softmax(-1)
        # attnprobe: ignore[AP114] -- nothing follows
"""


def scan_of(*names: str) -> Scan:
    """A scan whose first site lies in files of these names."""
    site = gpt_scan().sites[0]
    lines = {f"part {number}": Location(name, 3, "forward") for number, name in enumerate(names)}
    return replace(gpt_scan(), sites=(replace(site, location=None, lines=lines),))


def read(folder: Path, text: str | bytes, name: str = "model.py") -> Inline:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return inline_ignores(scan_of(name), (), folder)


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        ("AP105", (5, 20)),  # the next code is the class
        ("AP106", (5, 20)),
        ("AP107", (5, 20)),
        ("AP108", (9, 20)),
        ("AP109", (13, 17)),
        ("AP110", (13, 17)),
        ("AP111", (13, 17)),
        ("AP112", (18, 18)),
        ("AP113", (19, 19)),
        ("AP114", (21, 21)),
    ],
)
def test_a_comment_speaks_for_the_lines_around_it(rule: str, lines: tuple[int, int], tmp_path: Path) -> None:
    inline = read(tmp_path, MODEL)
    assert inline.notices == ()
    (entry,) = (each for each in inline.entries if each.rules == (rule,))
    assert entry.lines == lines
    assert entry.is_inline


def test_a_comment_inside_a_text_is_none(tmp_path: Path) -> None:
    assert all(entry.rules != ("AP999",) for entry in read(tmp_path, MODEL).entries)


def test_a_comment_carries_rules_reason_end_and_owner(tmp_path: Path) -> None:
    text = "x = 1  # attnprobe:ignore[AP101, unscaled-scores] until=2027-03-31 owner=@lin -- it -- is\n"
    assert read(tmp_path, text).entries == (
        IgnoreEntry(
            rules=("AP101", "unscaled-scores"),
            reason="it -- is",
            until="2027-03-31",
            owner="@lin",
            origin="model.py:1",
            is_inline=True,
            lines=(1, 1),
        ),
    )


def test_a_comment_without_a_reason_holds_and_says_none(tmp_path: Path) -> None:
    assert read(tmp_path, "x = 1  # attnprobe: ignore[AP101]\n").entries[0].reason == ""


@pytest.mark.parametrize(
    ("comment", "words"),
    [
        ("# attnprobe: ignore", "it names no rule in brackets"),
        ("# attnprobe: ignore -- everything", "it names no rule in brackets"),
        ("# attnprobe: ignore AP101", "it names no rule in brackets"),
        ("# attnprobe: skip[AP101]", "it names no rule in brackets"),
        ("# attnprobe: ignore[]", "it names no rules"),
        ("# attnprobe: ignore[*]", "'*' is no rule"),
        ("# attnprobe: ignore[AP101] until=9999-99-99 -- x", "'9999-99-99' is no day"),
        ("# attnprobe: ignore[AP101] because I say so", "'because I say so' is not understood"),
        (f"# attnprobe: ignore[{'AP101,' * 60}]", "it names 60 rules"),
    ],
)
def test_a_comment_that_is_not_understood_ignores_nothing_and_is_told(
    comment: str, words: str, tmp_path: Path
) -> None:
    inline = read(tmp_path, f"y = 2\nx = 1  {comment}\n")
    assert inline.entries == ()
    (notice,) = inline.notices
    assert notice.startswith(f"the comment at model.py:2 ignores nothing: {words}")


def test_other_comments_are_left_alone(tmp_path: Path) -> None:
    inline = read(tmp_path, "# attnprobe is nice\nx = 1  # see attnprobe, ignore[AP101]\n")
    assert (inline.entries, inline.notices) == ((), ())


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfe# attnprobe: ignore[AP101]",
        b"def f(:  # attnprobe: ignore[AP101]\n",
        b"x = (  # attnprobe: ignore[AP101]\n",
        b"x = 1\x00  # attnprobe: ignore[AP101]\n",
        b"x = " + b"(" * 5000 + b")" * 5000 + b"  # attnprobe: ignore[AP101]\n",
        b"x = " + b"-" * 100_000 + b"1  # attnprobe: ignore[AP101]\n",
        b"  x = 1\n y = 2  # attnprobe: ignore[AP101]\n",
        b"# attnprobe: ignore[AP101]\n" + b"x = 1\n" * 200_000,
    ],
)
def test_a_file_that_cannot_be_read_as_python_has_no_comments(content: bytes, tmp_path: Path) -> None:
    inline = read(tmp_path, content)
    assert (inline.entries, inline.notices) == ((), ())


def test_a_file_is_read_and_never_run(tmp_path: Path) -> None:
    text = "import pathlib\npathlib.Path('ran').touch()\nx = '\\d'  # attnprobe: ignore[AP101]\n"
    assert len(read(tmp_path, text).entries) == 1  # and its invalid escape warns nobody
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name", ["../model.py", "/etc/passwd", "model.txt", "a\0b.py", "", "folder.py", "gone.py"]
)
def test_files_outside_the_folder_are_not_opened(name: str, tmp_path: Path) -> None:
    inside = tmp_path / "project"
    (inside / "folder.py").mkdir(parents=True)
    (tmp_path / "model.py").write_text("x = 1  # attnprobe: ignore[AP101]\n")
    (inside / "model.txt").write_text("x = 1  # attnprobe: ignore[AP101]\n")
    assert inline_ignores(scan_of(name), (), inside).entries == ()


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "model.py").write_text("x = 1  # attnprobe: ignore[AP101]\n")
    (tmp_path / "project" / "model.py").symlink_to(tmp_path / "model.py")
    assert inline_ignores(scan_of("model.py"), (), tmp_path / "project").entries == ()


def test_windows_lines_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    inline = read(tmp_path, b"\xef\xbb\xbfy = 2\r\nx = 1  # attnprobe: ignore[AP101] -- why\r\n")
    assert [(entry.lines, entry.reason) for entry in inline.entries] == [((2, 2), "why")]


def test_each_file_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("x = 1  # attnprobe: ignore[AP101]\n")
    assert len(inline_ignores(scan_of("model.py", "model.py"), (), tmp_path).entries) == 1
