from __future__ import annotations

import pytest

from attnprobe.checking.packs.nodes import Place, Scalar, find
from attnprobe.checking.packs.positions import place_within
from attnprobe.checking.packs.yaml_reading import parse_yaml


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("when: one WRONG two\n", Place(1, 11)),
        ("when:   'one WRONG two'\n", Place(1, 14)),
        ('when: "one WRONG two"\n', Place(1, 12)),
        ("when: one\n  WRONG\n  two\n", Place(2, 3)),
        ("when: >\n  one\n\n  WRONG two\n", Place(4, 3)),
        ("when: |-\n  one\n    WRONG\n  two\n", Place(3, 5)),
        ("a: 中文\nwhen: one WRONG\n", Place(2, 11)),
    ],
)
def test_a_character_of_a_value_is_found_in_its_file(text: str, place: Place) -> None:
    node = find(parse_yaml(text, "x"), ("when",))
    assert isinstance(node, Scalar)
    assert place_within(node, text, str(node.value).index("WRONG")) == place
