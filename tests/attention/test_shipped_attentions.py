"""What holds of every attention that we ship, whatever it computes."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import attnprobe.attention
from attnprobe.attention.foundation.page import page
from attnprobe.errors import PluginError
from attnprobe.suggesting.modelling.catalogue import replacements

NAMES = attnprobe.attention.names()
PAGE = Path(__file__).resolve().parents[2] / "docs" / "attention.md"
CHANGES_OF_CODE = {"causal_flag", "need_weights_false"}  # cards that name no attention of their own


@pytest.mark.parametrize("name", NAMES)
def test_an_attention_says_what_it_computes_costs_keeps_and_where_it_is_from(name: str) -> None:
    module = import_module(f"attnprobe.attention.{name}")
    text = inspect.cleandoc(module.__doc__ or "")
    assert text.partition("\n")[0].endswith(".")
    for word in ("cost", "source", "keeps"):
        assert word in text.lower(), word
    assert any(word in text.lower() for word in ("exact", "approximate", "retrain"))
    assert callable(module.attention.reference)


@pytest.mark.parametrize("name", NAMES)
def test_its_class_is_named_after_its_file(name: str) -> None:
    camel = "".join(part.capitalize() for part in name.split("_"))
    assert getattr(attnprobe.attention, camel) is import_module(f"attnprobe.attention.{name}").attention


def test_every_attention_has_a_card_for_suggestions_and_every_card_an_attention() -> None:
    assert {each.name for each in replacements().values()} - CHANGES_OF_CODE == set(NAMES)


def test_listing_the_names_imports_no_torch() -> None:
    script = (
        "import sys, attnprobe.attention as a; assert len(a.names()) > 40; assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_an_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(PluginError, match="did you mean 'sliding_window'"):
        attnprobe.attention.build("sliding_windw")
    with pytest.raises(AttributeError):
        _ = attnprobe.attention.SlidingWindw


def test_the_page_is_what_the_files_say() -> None:
    # To renew it: python -m attnprobe.attention.foundation.page > docs/attention.md
    assert PAGE.read_text(encoding="utf-8") == page()
