"""Ranges in the float model against those in the quantized one."""

import math
from collections.abc import Callable

from inc_hf.coverage import percent
from inc_hf.report import numbers
from inc_hf.report.facts import Facts, Row
from inc_hf.report.html import Markup, join, long_table, module, paragraph
from inc_hf.report.svg import legend, two_ranges

LEGEND = legend(["FP32", "INT8"], ["dot float", "dot met"])


def weight_table(facts: Facts) -> Markup | None:
    """The largest error first."""
    told = "What the integers stand for, beside the weights that they were made of."
    return _table(facts.weights, told, "Mean squared error", "mse", numbers.plain)


def activation_table(facts: Facts) -> Markup | None:
    """What is clipped most first."""
    told = (
        "The input of each module as its weight takes it. Clipped is what the integers of a static scale cannot say."
    )
    return _table(facts.activations, told, "Clipped", "clipped", percent)


def _table(rows: list[Row], told: str, heading: str, key: str, words: Callable[[float], str]) -> Markup | None:
    if not rows:
        return None
    ordered = sorted(rows, key=lambda row: -(row[key] or 0.0))
    cells = [
        [
            module(row["module"]),
            _picture(row),
            _words(row["float_min"], row["float_max"]),
            _words(row["int8_min"], row["int8_max"]),
            "—" if row[key] is None else words(row[key]),
        ]
        for row in ordered
    ]
    headings = ("Module", "Ranges", "FP32", "INT8", heading)
    return join([paragraph(told), LEGEND, long_table(headings, cells, f"{heading} of each module")])


def _picture(row: Row) -> Markup | str:
    ends = [row[name] for name in ("float_min", "float_max", "int8_min", "int8_max")]
    if any(end is None or not math.isfinite(end) for end in ends):
        return "—"
    return two_ranges((ends[0], ends[1]), (ends[2], ends[3]))


def _words(low: float | None, high: float | None) -> str:
    return f"{numbers.plain(low)} … {numbers.plain(high)}".replace("-", "−")
