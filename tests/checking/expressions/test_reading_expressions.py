from __future__ import annotations

import time

import pytest

from attnprobe.checking.expressions import ExpressionFault, Name, Vocabulary, read_expression
from attnprobe.checking.expressions.reading import MAX_CHARACTERS

SITE = {
    "kv_len": Name("number"),
    "share_of_flops": Name("number"),
    "mechanism": Name("text"),
    "pattern": Name("text", ("none", "causal", "window")),
    "is_causal": Name("bool"),
}
HEADS = {**SITE, "entropy": Name("number")}
WORDS = Vocabulary(SITE, HEADS, {"limit": "number", "kind": "text"})


def fault(text: str, kind: str = "bool") -> ExpressionFault:
    with pytest.raises(ExpressionFault) as caught:
        read_expression(text, WORDS, kind)  # type: ignore[arg-type]
    return caught.value


def test_names_and_options_are_told_apart() -> None:
    found = read_expression("share(entropy < opt_limit) > 0.5 and kv_len >= 2", WORDS)
    assert found.names == ("entropy", "kv_len")
    assert found.options == ("limit",)


def test_a_text_over_several_lines_is_one_expression() -> None:
    assert read_expression("kv_len > 1\n  and is_causal", WORDS).text == "kv_len > 1 and is_causal"


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("kv_len > 1 and kv_lem > 2", 15, "no name 'kv_lem'; did you mean 'kv_len'?"),
        ("  kv_lem > 2", 2, "no name 'kv_lem'"),
        ("kv_len > opt_limitt", 9, "the rule has no option 'limitt'; did you mean 'opt_limit'?"),
        ("entropy > 1", 0, "'entropy' is a number of the parts; ask share()"),
        ("mechanism > 1", 0, "'mechanism' is a text; expected a number"),
        ("kv_len == 'a'", 10, "''a'' is a text; expected a number"),
        ("kv_len and is_causal", 0, "'kv_len' is a number; expected a bool"),
        ("not kv_len", 4, "'kv_len' is a number; expected a bool"),
        ("is_causal == 1", 13, "'1' is a number; expected a bool"),
        ("kv_len", 0, "this is a number; expected a bool"),
        ("pattern == 'casual'", 11, "pattern is never 'casual'; did you mean 'causal'?"),
        ("pattern in ('causal', 'windows')", 22, "did you mean 'window'?"),
        ("mechanism in 'dot_product'", 13, 'expected ("a", "b") after `in`'),
        ("mechanism in ()", 13, "expected"),
        ("kv_len in (kv_len, 2)", 11, "expected texts or numbers after `in`"),
        ("kv_len is 1", 0, ""),
        ("share > 1", 0, "'share' is a function: write share(…)"),
        ("shares(entropy > 1) > 0", 0, "no function 'shares'; did you mean 'share'?"),
        ("share(share(entropy > 1) > 1) > 0", 6, "not possible within another one"),
        ("min(kv_len) > 1", 0, "min() got 1; expected 2 to 8 values"),
        ("known(kv_len + 1)", 6, "known() takes a name"),
        ("abs(x=kv_len) > 1", 0, "abs() takes no keywords"),
    ],
)
def test_a_fault_names_the_word_and_its_column(text: str, offset: int, message: str) -> None:
    found = fault(text)
    assert message in found.message
    assert found.offset == offset


@pytest.mark.parametrize(
    "text",
    [
        "kv_len.__class__ == 1",
        "().__class__.__bases__[0].__subclasses__() == 1",
        "kv_len[0] > 1",
        "(lambda: 1)() > 1",
        "[x for x in (1, 2)] == 1",
        "{1: 2} == 1",
        "f'{kv_len}' == 'a'",
        "kv_len ** 2 > 1",
        "9**9**9 > 1",
        "kv_len % 2 > 1",
        "kv_len // 2 > 1",
        "kv_len << 2 > 1",
        "~kv_len > 1",
        "'a' + 'b' == 'ab'",
        "'a' * 1000000000 == 'a'",
        "-mechanism == 'a'",
        "(kv_len := 2) > 1",
        "1 if is_causal else 2",
        "__import__('os').system('true') == 0",
        "eval('1') == 1",
        "open('/etc/passwd') == 1",
        "kv_len > None",
        "kv_len > 1j",
        "mechanism == b'a'",
        "kv_len > ...",
        "kv_len > 1e400",
        "kv_len > 1e31",
        "is_causal; is_causal",
        "import os",
        "",
        "   ",
        "kv_len >",
        "1) or (1 > 0",
        "yield kv_len",
        "await kv_len",
        "*kv_len",
        "min(*(1, 2)) > 1",
        "True.real == 1",
        "r'a' 'b' == mechanism.x",
    ],
)
def test_what_is_no_plain_comparison_is_refused(text: str) -> None:
    assert fault(text).message


@pytest.mark.parametrize(
    "text", ["ａttn > 1", "kv_len > １", "kv_ⅼen > 1", "mechanism == 'é'", "kv_len\u00a0> 1"]
)
def test_letters_beyond_ascii_are_refused_before_python_folds_them(text: str) -> None:
    found = fault(text)
    assert "is not plain ASCII" in found.message
    assert ord(text[found.offset]) > 127


@pytest.mark.parametrize(
    "text",
    [
        " and ".join(["kv_len > 1"] * 20_000),
        " + ".join(["1"] * 900) + " > 1",
        "(" * 900 + "is_causal" + ")" * 900,
        "not " * 490 + "is_causal",
        "-" * 1900 + "1 > 1",
        "is_causal and (" * 60 + "is_causal" + ")" * 60,
        "1" * 1900 + " > 1",
        "kv_len > " + "9" * 400,
    ],
)
def test_a_bomb_is_refused_at_once(text: str) -> None:
    start = time.process_time()
    fault(text)
    assert time.process_time() - start < 0.5


def test_the_longest_text_that_is_allowed_is_read() -> None:
    text = "is_causal" + " " * (MAX_CHARACTERS - len("is_causal"))
    assert read_expression(text, WORDS).text == "is_causal"


def test_a_subject_without_parts_has_no_share() -> None:
    with pytest.raises(ExpressionFault, match="the subject has no parts"):
        read_expression("share(kv_len > 1) > 0", Vocabulary(SITE))
