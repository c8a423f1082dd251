"""All trials of a search as a table for people."""

import math
from collections.abc import Iterable, Sequence

from inc_hf.tune.goal import Goal
from inc_hf.tune.history import Trial

WIDTH = 100
HEADINGS = ("", "trial", "score", "loss", "latency", "MB", "goal")
IN_LOG = 40  # trials of a longer search that the log shows
NONE, CUT, BEST = "-", "…", "*"


class Trials(list):
    """The trials of a search, in order; `print` shows a table of them, with a star at the best one.

    Its columns: the score; the loss against the float model, in per cent where the goal is relative; the latency over
    the float model's, where that was measured; the size; whether the goal is met.
    """

    def __init__(self, trials: Iterable[Trial] = (), goal: Goal | None = None, best: Trial | None = None):
        super().__init__(trials)
        self.goal, self.best = goal, best

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self, limit: int | None = None) -> list[str]:
        """The lines of the table; of more than `limit` trials, the last ones and the best."""
        numbered = list(enumerate(self, 1))
        first = 0 if limit is None else max(len(self) - limit, 0)
        shown = [(n, trial) for n, trial in numbered if n > first or trial is self.best]
        rows = [self._row(n, trial) for n, trial in shown]
        baseline = [] if self.goal is None else [("", "FP32", f"{self.goal.baseline:.4f}", *[NONE] * 4)]
        left = [f"{first} earlier trials are in history.json."] if len(shown) < len(self) else []
        return [*_aligned([HEADINGS, *baseline, *rows]), *left]

    def _row(self, number: int, trial: Trial) -> tuple[str, ...]:
        return (
            f"{BEST if trial is self.best else ''}{number}",
            " ".join(trial.label.split()),
            f"{trial.score:.4f}",
            self._loss(trial),
            NONE if trial.latency is None else f"{trial.latency:.2f} x",
            f"{trial.bytes / 1e6:.1f}" if trial.bytes >= 1e5 else f"{trial.bytes / 1e6:.4f}",
            "met" if trial.meets_goal else "missed",
        )

    def _loss(self, trial: Trial) -> str:
        if self.goal is None or not math.isfinite(trial.score):
            return NONE
        criterion, baseline = self.goal.criterion, self.goal.baseline
        loss = baseline - trial.score if criterion.higher_is_better else trial.score - baseline
        if criterion.criterion != "relative":
            return f"{_without_sign_of_zero(loss, 4):.4f}"
        return f"{_without_sign_of_zero(100 * loss / abs(baseline), 2):.2f} %" if baseline else NONE


def _without_sign_of_zero(value: float, digits: int) -> float:
    return round(value, digits) + 0.0


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of at most `WIDTH` characters: labels, in the second column, are cut, and stand at the left."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rest = sum(widths) - widths[1] + 2 * (len(widths) - 1)
    widths[1] = min(widths[1], max(WIDTH - rest, 10))
    return ["  ".join(_cell(i, text, widths[i]) for i, text in enumerate(row)).rstrip() for row in rows]


def _cell(column: int, text: str, width: int) -> str:
    if len(text) > width:
        text = text[: width - 1] + CUT
    return text.ljust(width) if column in (1, len(HEADINGS) - 1) else text.rjust(width)
