"""The picture of a model card: bars of the float model and of the compressed one. It is an SVG, which the Hub shows
by its relative path, and which needs no package to draw; a light ground of its own makes it readable in dark pages."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

PICTURE = "inc_card.svg"
WIDTH, LEFT, BAR, GAP = 480, 24, 22, 6
HEAD, FOOT = 30, 14  # of a group
FLOAT, OURS, GROUND, INK = "#9aa3ad", "#1d6fb8", "#ffffff", "#1b1f24"
ROOM = 110  # for the number behind the longest bar
FONT = "font-family='system-ui, sans-serif'"


class Bars(NamedTuple):
    """Two numbers that are compared, of which both are known, with their words."""

    name: str
    before: float
    after: float
    before_words: str
    after_words: str


def draw(groups: Sequence[Bars], word: str) -> str | None:
    """The picture; None if there is nothing to compare.

    Args:
        word (`str`): for what the compressed model is, such as `quantized`.
    """
    if not groups:
        return None
    height = sum(_height() for _ in groups) + FOOT
    parts = [_group(group, word, FOOT + number * _height()) for number, group in enumerate(groups)]
    label = "; ".join(f"{g.name}: FP32 {g.before_words}, {word} {g.after_words}" for g in groups)
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' height='{height}' "
        f"role='img' aria-label='{escape(label)}' {FONT}>\n"
        f"<rect width='{WIDTH}' height='{height}' rx='8' fill='{GROUND}' stroke='#d8dde3'/>\n{''.join(parts)}</svg>\n"
    )


def _height() -> int:
    return HEAD + 2 * (BAR + GAP) + FOOT


def _group(bars: Bars, word: str, top: int) -> str:
    longest = max(bars.before, bars.after) or 1
    title = (
        f"<text x='{LEFT}' y='{top + 18}' font-size='15' font-weight='600' fill='{INK}'>{escape(bars.name)}</text>\n"
    )
    rows = ((bars.before, f"FP32 {bars.before_words}", FLOAT), (bars.after, f"{word} {bars.after_words}", OURS))
    return title + "".join(
        _bar(value / longest, words, colour, top + HEAD + number * (BAR + GAP))
        for number, (value, words, colour) in enumerate(rows)
    )


def _bar(share: float, words: str, colour: str, y: int) -> str:
    """The words stand behind the bar: on it, a short one would have no room for them."""
    length = max(round(share * (WIDTH - 2 * LEFT - ROOM - 40), 1), 2)
    return (
        f"<rect x='{LEFT}' y='{y}' width='{length}' height='{BAR}' rx='3' fill='{colour}'/>"
        f"<text x='{LEFT + length + 8}' y='{y + 16}' font-size='14' fill='{INK}'>{escape(words)}</text>\n"
    )
