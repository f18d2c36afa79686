"""Foreign text: nothing invisible, nothing that moves the cursor, nothing endless."""

import pytest

from attnprobe.report.parts.safe_text import MAX_CHARACTERS, safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("blocks.0.attn", "blocks.0.attn"),
        ("注意力.é.😀", "注意力.é.😀"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
        ("a\rb\nc\td\x00", "a\\x0db\\x0ac\\x09d\\x00"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202edef\u2066", "abc\\u202edef\\u2066"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("a\u2028b", "a\\u2028b"),
        ("\udce9", "\\udce9"),
        ("\U000e0041", "\\U000e0041"),
        ("\ufffe", "\\ufffe"),
        ("", ""),
    ],
)
def test_deceptive_characters_become_visible(text, shown):
    assert safe(text) == shown


def test_an_endless_name_keeps_both_ends():
    shown = safe("a" * 500_000 + "b" * 500_000)
    assert len(shown) <= MAX_CHARACTERS
    assert shown.startswith("aaa")
    assert shown.endswith("bbb")


def test_a_name_at_the_limit_is_whole():
    assert safe("x" * MAX_CHARACTERS) == "x" * MAX_CHARACTERS
