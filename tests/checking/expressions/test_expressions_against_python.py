"""Random expressions: with every fact known they mean what Python makes of them; nothing else escapes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from attnprobe.checking.expressions import ExpressionFault, Missing, Name, Vocabulary, read_expression

NUMBERS = ("a", "b", "c")
WORDS = Vocabulary({**{name: Name("number") for name in NUMBERS}, "yes": Name("bool")})

numbers = st.recursive(
    st.sampled_from(NUMBERS) | st.integers(0, 9).map(str) | st.sampled_from(["0.5", "1e3"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda x: f"({x[0]} {x[1]} {x[2]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda x: f"{x[0]}({x[1]}, {x[2]})"),
        inner.map(lambda x: f"abs({x})"),
        inner.map(lambda x: f"-{x}"),
    ),
    max_leaves=8,
)
compared = st.tuples(numbers, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), numbers).map(" ".join)
conditions = st.recursive(
    compared | st.just("yes"),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda x: f"({x[0]} {x[1]} {x[2]})"),
        inner.map(lambda x: f"not ({x})"),
    ),
    max_leaves=6,
)
values = st.integers(-5, 5) | st.floats(-5, 5)
FUNCTIONS = {"__builtins__": {}, "min": min, "max": max, "abs": abs}


@settings(max_examples=300, deadline=None)
@given(text=conditions, a=values, b=values, c=values, yes=st.booleans())
def test_known_facts_give_what_python_gives(text: str, a: float, b: float, c: float, yes: bool) -> None:
    facts = {"a": a, "b": b, "c": c, "yes": yes}
    assert read_expression(text, WORDS)(facts, {}) == eval(text, dict(FUNCTIONS), facts)


@settings(max_examples=300, deadline=None)
@given(text=conditions, a=values, b=values, yes=st.booleans(), first=values, second=values)
def test_a_result_without_a_fact_is_the_result_whatever_the_fact_is(
    text: str, a: float, b: float, yes: bool, first: float, second: float
) -> None:
    expression = read_expression(text, WORDS)
    facts = {"a": a, "b": b, "yes": yes}
    try:
        result = expression({**facts, "c": None}, {})
    except Missing:
        return
    for value in (first, second):
        assert expression({**facts, "c": value}, {}) == result


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=60) | st.text(alphabet="abc()<>=+-*/.,[]{}'\"0123 \\\n:;@`~!%^&|", max_size=60))
def test_any_text_is_an_expression_or_a_fault_within_it(text: str) -> None:
    offset = 0
    try:
        read_expression(text, WORDS)
    except ExpressionFault as fault:
        offset = fault.offset
    assert 0 <= offset <= max(len(text), 1)
