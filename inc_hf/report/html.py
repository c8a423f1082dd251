"""HTML and SVG from elements, of which every text is escaped unless it is an element itself."""

import html
import re
from collections.abc import Iterable, Sequence
from typing import Any

EMPTY = {"meta", "br", "wbr", "line", "rect", "circle", "path", "polyline"}  # elements without content
# neither XML nor HTML can say them, even escaped; half of a character cannot be written at all
UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
SHOWN = 12  # rows of a long table that are open


class Markup(str):
    """Text that is HTML already."""


def escaped(content: Any) -> Markup:
    """What is no markup, as text."""
    return content if isinstance(content, Markup) else Markup(html.escape(UNWRITABLE.sub("\ufffd", str(content))))


def element(name: str, /, *content: Any, **attributes: Any) -> Markup:
    """`<name>` with this content. Of attributes, `class_` is `class`, `stroke_width` `stroke-width`; None is none."""
    said = "".join(f' {_key(k)}="{escaped(str(v))}"' for k, v in attributes.items() if v is not None)
    if name in EMPTY and not content:
        return Markup(f"<{name}{said}/>")
    return Markup(f"<{name}{said}>{join(content)}</{name}>")


def join(parts: Iterable[Any]) -> Markup:
    """Parts one after the other; None is nothing."""
    return Markup("".join(escaped(part) for part in parts if part is not None))


def module(name: str) -> Markup:
    """The name of a module, which may be broken at its dots where a screen is narrow."""
    parts = re.split(r"(?<=[./])", name)
    return element("code", *[piece for part in parts for piece in (part, element("wbr"))][:-1])


def table(headings: Sequence[str], rows: Sequence[Sequence[Any]], label: str) -> Markup:
    """A table that can be scrolled sideways where it is too wide; a number stays on one line.

    Args:
        label: what it shows, for who does not see it.
    """
    head = element("tr", *[element("th", heading, scope="col") for heading in headings])
    body = [element("tr", *map(_cell, row)) for row in rows]
    inner = element("table", element("thead", head), element("tbody", *body))
    return element("div", inner, class_="scroll", role="region", aria_label=label, tabindex="0")


def long_table(headings: Sequence[str], rows: Sequence[Sequence[Any]], label: str) -> Markup:
    """A table of which only the first rows are open; the others unfold without a script."""
    if len(rows) <= SHOWN + 3:
        return table(headings, rows, label)
    rest = table(headings, rows[SHOWN:], f"{label}, continued")
    summary = element("summary", f"{len(rows) - SHOWN} more")
    return join([table(headings, rows[:SHOWN], label), element("details", summary, rest)])


def bar(share: float, text: str) -> Markup:
    """A number with a bar of this share of the cell's width behind it."""
    width = f"width:{100 * min(max(share, 0.0), 1.0):.1f}%"
    return element("span", element("span", class_="fill", style=width), element("b", text), class_="bar")


def paragraph(*content: Any) -> Markup:
    """Text in which a number and its unit stay together."""
    parts = [part if isinstance(part, Markup) else str(part).replace(" %", "\u00a0%") for part in content]
    return element("p", *parts)


def _key(name: str) -> str:
    return name.rstrip("_").replace("_", "-")


def _cell(content: Any) -> Markup:
    is_number = isinstance(content, str) and bool(re.match(r"^[-+−]?\d[\d.,]*", content)) and len(content) < 16
    return element("td", content, class_="n" if is_number and not isinstance(content, Markup) else None)
