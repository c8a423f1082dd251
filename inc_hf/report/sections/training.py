"""What the Trainer logged."""

import math

from inc_hf.report import numbers
from inc_hf.report.facts import Facts, Row
from inc_hf.report.html import Markup, element, join, long_table
from inc_hf.report.reading import number_or_none
from inc_hf.report.svg import Point, lines

LOSSES = {"loss": "training", "eval_loss": "evaluation"}
ZEROS = {"pruning/sparsity": "of all layers", "pruning/pruned_layers": "of the pruned layers"}
FIRST = ("step", "epoch", *LOSSES, *ZEROS)
POINTS, ROWS = 600, 200
UNTOLD = ("runtime", "per_second", "total_flos", "_time")  # parts of names that say nothing of the model


def training(facts: Facts) -> Markup | None:
    """Loss, zeros and scores over the steps, and the table of all."""
    if not facts.training:
        return None
    plots = [
        _plot(facts.training, LOSSES, "loss"),
        _plot(facts.training, ZEROS, "share of zeros"),
        _plot(facts.training, {key: key.removeprefix("eval_") for key in _scores(facts.training)}, "score"),
    ]
    names = _columns(facts.training)
    rows = [[_cell(entry.get(name)) for name in names] for entry in thinned(facts.training, ROWS)]
    some = f"{len(rows)} of {len(facts.training)} entries." if len(rows) < len(facts.training) else None
    shown = [element("p", some, class_="muted") if some else None, long_table(names, rows, "The Trainer's log")]
    return join([element("div", *[plot for plot in plots if plot], class_="plots"), *shown])


def _plot(entries: list[Row], names: dict[str, str], what: str) -> Markup | None:
    series = {words: found for name, words in names.items() if (found := _series(entries, name))}
    if not series:
        return None
    return element("figure", lines(series, "step", what, f"{what} over the steps", from_zero=what != "score"))


def _series(entries: list[Row], name: str) -> list[Point]:
    found = [(number_or_none(entry.get("step")), number_or_none(entry.get(name))) for entry in entries]
    return thinned([(x, y) for x, y in found if x is not None and y is not None], POINTS)


def thinned(items: list, most: int) -> list:
    """About so many of them, evenly, the last one among them: a page is no place for a million."""
    if len(items) <= most:
        return items
    kept = items[:: math.ceil(len(items) / most)]
    return kept if kept[-1] is items[-1] else [*kept, items[-1]]


def _scores(entries: list[Row]) -> list[str]:
    """Of the evaluation, those that lie in [0, 1]: four of them can be told apart."""
    names = [name for name in _columns(entries) if name.startswith("eval_") and name not in LOSSES]
    return [name for name in names if all(0 <= y <= 1 for _, y in _series(entries, name))][:4]


def _columns(entries: list[Row]) -> list[str]:
    names = dict.fromkeys(name for entry in entries for name in entry)
    kept = [name for name in names if not any(part in name for part in UNTOLD)]
    return [name for name in FIRST if name in kept] + [name for name in kept if name not in FIRST]


def _cell(value: object) -> str:
    number = number_or_none(value)
    if number is None:
        return "—" if value is None else str(value)
    return f"{number:.0f}" if number == int(number) and abs(number) < 1e9 else numbers.plain(number, 4)
