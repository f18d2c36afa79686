"""Templates to bytes: escaping, both languages in one file, the hashes of the content policy."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from collections.abc import Callable
from functools import cache, partial
from itertools import count

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from attnprobe.records import Scan
from attnprobe.report.page.sections import sections
from attnprobe.report.page.summary import summary
from attnprobe.report.parts.catalogue import Words, check_language, say
from attnprobe.report.parts.safe_text import safe
from attnprobe.resources import resource_dir

_CODE = re.compile(r"`([^`]+)`")
_BREAKS = re.compile(r"(?<=[^\d\s][.,/}])(?=\w|\{)")


def render_page(scan: Scan, language: str) -> bytes:
    """The whole page, UTF-8. The same scan and language give the same bytes.

    Args:
        scan: What to show.
        language: "en" or "zh": in which the page opens. It holds both.
    """
    environment = _environment()
    style, script = _asset("report.css"), _asset("report.js")
    page = environment.get_template("report.html").render(
        language=check_language(language),
        title=safe(scan.model.entry or scan.model.target, 80),
        version=safe(scan.tool.version),
        policy=_policy(style, script),
        style=Markup(style),
        script=Markup(script),
        table_numbers=count(1),
        summary=summary(scan),
        sections=sections(scan),
    )
    return page.encode("utf-8", "backslashreplace")


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(resource_dir("templates")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["words"] = _words
    environment.filters["prose_words"] = partial(_words, escaped=_with_code)
    environment.filters["code_words"] = partial(_words, escaped=_breakable)
    environment.filters["svg_words"] = partial(_words, tag="tspan")
    environment.filters["next"] = next
    environment.globals["say"] = lambda key: _words(say(key))
    environment.globals["say_svg"] = lambda key: _words(say(key), "tspan")
    return environment


def _words(words: Words, tag: str = "span", escaped: Callable[[str], Markup] = escape) -> Markup:
    """Both languages of a text, of which the style sheet shows one; a name once."""
    if isinstance(words, str):
        return escaped(words)
    if words.en == words.zh:
        return escaped(words.en)
    template = Markup('<{0} class="en" lang="en">{1}</{0}><{0} class="zh" lang="zh-Hans">{2}</{0}>')
    return template.format(tag, escaped(words.en), escaped(words.zh))


def _breakable(name: str) -> Markup:
    """A path or a name that may be broken behind its dots, commas and slashes, where it must be broken."""
    return Markup("<wbr>").join(_BREAKS.split(name))


def _with_code(text: str) -> Markup:
    """A text of a rule, in which `code` stands between backticks."""
    pieces = _CODE.split(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if place % 2 else escape(piece)
        for place, piece in enumerate(pieces)
    )


def _asset(name: str) -> str:
    return (resource_dir("templates") / name).read_text(encoding="utf-8").strip()


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; script-src {_digest(script)}; style-src {_digest(style)}; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(content: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
