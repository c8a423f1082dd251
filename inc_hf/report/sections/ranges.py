"""Ranges in the float model against those in the quantized one."""

import math
from collections.abc import Callable

from inc_hf.coverage import percent
from inc_hf.report import numbers
from inc_hf.report.facts import Facts, Row
from inc_hf.report.html import Markup, element, join, long_table, module, paragraph
from inc_hf.report.svg import legend, two_ranges
from inc_hf.tune.ranges import RANGE

LEGEND = legend(["FP32", "INT8"], ["dot float", "dot met"])


def weight_table(facts: Facts) -> Markup | None:
    """The largest error first."""
    told = "What the integers stand for, beside the weights that they were made of."
    return _table(facts.weights, told, "Mean squared error", "mse", numbers.plain)


def activation_table(facts: Facts) -> Markup | None:
    """What is clipped most first."""
    told = "The input of each module as its weight takes it. Clipped is what static integers cannot say."
    return _table(facts.activations, told, "Clipped", "clipped", percent)


def _table(rows: list[Row], told: str, heading: str, key: str, words: Callable[[float], str]) -> Markup | None:
    if not rows:
        return None
    ordered = sorted(rows, key=lambda row: -(row[key] or 0.0))
    cells = [
        [
            module(row["module"]),
            _picture(row),
            _words(row),
            "—" if row[key] is None else words(row[key]),
        ]
        for row in ordered
    ]
    headings = ("Module", "Ranges", "FP32, below it INT8", heading)
    return join([paragraph(told), LEGEND, long_table(headings, cells, f"{heading} of each module")])


def _picture(row: Row) -> Markup | str:
    ends = [row[key] for key in RANGE]
    if any(end is None or not math.isfinite(end) for end in ends):
        return "—"
    return two_ranges((ends[0], ends[1]), (ends[2], ends[3]))


def _words(row: Row) -> Markup:
    """Both ranges, beside their stretches."""
    ends = {key: numbers.plain(row[key]).replace("-", "−") for key in RANGE}
    first, second = f"{ends['float_min']} … {ends['float_max']}", f"{ends['int8_min']} … {ends['int8_max']}"
    return element("span", first, element("br"), second, class_="pair")
