"""Where a character of a YAML value stands in its file."""

from __future__ import annotations

from attnprobe.checking.packs.nodes import Place, Scalar


def place_within(scalar: Scalar, text: str, offset: int) -> Place:
    """The place of one character of a text value, folded, quoted or over several lines.

    The n-th character that is no white space of the value is the n-th one of its source, once the quote or
    the header of a block is passed; an escape in double quotes makes it later by a few characters.

    Args:
        text: Of the whole file.
        offset: Of the character in the value.
    """
    value = str(scalar.value)
    wanted = len("".join(value[:offset].split()))
    position = scalar.start
    if text[position : position + 1] in ("'", '"'):
        position += 1
    elif text[position : position + 1] in ("|", ">"):
        position = text.find("\n", position) + 1
    passed = 0
    while position < scalar.end and position < len(text):
        if not text[position].isspace():
            if passed == wanted:
                break
            passed += 1
        position += 1
    begin = text.rfind("\n", 0, position) + 1
    return Place(text.count("\n", 0, position) + 1, position - begin + 1)
