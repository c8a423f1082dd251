"""How large each part is."""

from inc_hf.report import numbers
from inc_hf.report.facts import Facts
from inc_hf.report.html import Markup, bar, long_table, module

HEADINGS = ("Part", "Now", "Float", "Float / now")


def sizes(facts: Facts) -> Markup | None:
    """A table in the order of the model, with a bar for the share of each part."""
    if not facts.parts:
        return None
    most = max(part.bytes for part in facts.parts)
    rows = [
        [module(part.name), _now(part.bytes, most), numbers.size(part.float_bytes), _by(part.float_bytes, part.bytes)]
        for part in facts.parts
    ]
    now, floats = (sum(getattr(part, key) for part in facts.parts) for key in ("bytes", "float_bytes"))
    total = ["all", numbers.size(now), numbers.size(floats), _by(floats, now)]
    return long_table(HEADINGS, [total, *rows], "Size of each part")


def _now(count: int, most: int) -> Markup:
    return bar(count / max(most, 1), numbers.size(count))


def _by(floats: int, now: int) -> str:
    return numbers.times(floats / now) if now and floats else "—"
