"""How much each module harms the output."""

import math

from inc_hf.report import numbers
from inc_hf.report.facts import Facts
from inc_hf.report.html import Markup, bar, join, long_table, module, paragraph

HEADINGS = ("Module", "Error of the output", "Error of the weight", "Scheme")


def sensitivity(facts: Facts) -> Markup | None:
    """A table with a bar for each module, the most harmful first."""
    if not facts.sensitivity:
        return None
    errors = [row["output_error"] for row in facts.sensitivity]
    most = max((e for e in errors if e is not None and math.isfinite(e)), default=0.0)
    rows = [
        [
            module(row["module"]),
            "—" if error is None else bar(_share(error, most), numbers.plain(error)),
            numbers.plain(row["weight_error"]),
            row["scheme"],
        ]
        for row, error in zip(facts.sensitivity, errors, strict=True)
    ]
    told = "The mean squared error of the output, over its variance, with this module alone quantized; "
    more = "and that of its weight, over the weight's mean square."
    return join([paragraph(told, more), long_table(HEADINGS, rows, "Sensitivity")])


def _share(error: float, most: float) -> float:
    return 1.0 if not math.isfinite(error) else error / most if most else 0.0
