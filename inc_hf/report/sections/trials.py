"""Accuracy against latency of all trials."""

from collections.abc import Sequence

from inc_hf.report import numbers
from inc_hf.report.axes import Axis
from inc_hf.report.facts import Facts
from inc_hf.report.html import Markup, element, join, long_table, paragraph
from inc_hf.report.reading import number_or_none
from inc_hf.report.svg import TOP, WIDTH, Dot, axes_of, dots, frame, legend, level, picture
from inc_hf.tune import Trial

LABELLED = 12  # trials of a picture that have their numbers beside them
IN_STRIP = 4  # the same of those in the strip
UNTIMED = 80  # width of the strip for trials whose latency nobody has measured
HEADINGS = ("", "Trial", "Score", "Goal", "Latency", "Size", "INT8 modules", "Evaluation")
KINDS = {"float": "float model", "best": "the model returned", "met": "meets the goal", "missed": "misses it"}


def trials(facts: Facts) -> Markup | None:
    """A picture and a table."""
    if not facts.trials:
        return None
    rows = [_row(number, trial) for number, trial in enumerate(facts.trials, 1)]
    return join([_picture(facts), long_table(HEADINGS, rows, "All trials")])


def _picture(facts: Facts) -> Markup | None:
    known = [(i, trial) for i, trial in enumerate(facts.trials, 1) if number_or_none(trial.score) is not None]
    if not known:
        return paragraph("No trial has a score that is a number.")
    is_timed = any(trial.latency for _, trial in known)
    found = [_dot(i, trial, facts, is_timed, len(known)) for i, trial in known]
    if is_timed:
        found = [Dot(1.0, score, "float", f"float model: {score:.4f}", "float") for score in _baselines(facts)] + found
    placed, strip = [dot for dot in found if dot.x >= 0], [dot for dot in found if dot.x < 0]
    target = number_or_none(facts.tuning.get("target"))
    ys = [dot.y for dot in found] + [value for value in [target, *_baselines(facts)] if value is not None]
    x, y = axes_of([dot.x for dot in placed], ys, right=UNTIMED if strip else 12)
    name = "latency, times that of the float model" if is_timed else "seconds of the evaluation (latency unmeasured)"
    content = [frame(x, y, name, str(facts.tuning.get("metric", "score"))), _levels(facts, target, x, y, is_timed)]
    content += [_strip(strip, y)] if strip else []
    kinds = [kind for kind in KINDS if any(dot.kind == kind for dot in found)]
    label = f"Score against {name} of {len(known)} trials"
    plot = picture(label, *content, dots(placed, x, y))
    return element("figure", legend([KINDS[kind] for kind in kinds], [f"dot {kind}" for kind in kinds]), plot)


def _dot(number: int, trial: Trial, facts: Facts, is_timed: bool, count: int) -> Dot:
    kind = "best" if trial is facts.returned else "met" if trial.meets_goal else "missed"
    place = trial.latency or -1.0 if is_timed else max(trial.seconds, 0.0)
    title = f"trial {number}, {trial.label}: {trial.score:.4f}"
    return Dot(place, trial.score, kind, title, str(number) if count <= LABELLED or kind == "best" else "")


def _baselines(facts: Facts) -> list[float]:
    found = dict.fromkeys(number_or_none(trial.baseline) for trial in facts.trials)
    return [value for value in found if value is not None]


def _levels(facts: Facts, target: float | None, x: Axis, y: Axis, is_timed: bool) -> Markup:
    named = [] if is_timed else [(value, "float model") for value in _baselines(facts)]
    named += [] if target is None else [(target, "goal")]
    return join(level(y, value, name, x) for value, name in named)


def _strip(points: Sequence[Dot], y: Axis) -> Markup:
    """At the right side, trials that have no latency, since they missed the goal."""
    left = WIDTH - UNTIMED + 10
    words = element("text", "not timed", x=left + 30, y=y.start + 16, text_anchor="middle")
    back = element("rect", x=left, y=TOP, width=60, height=y.start - TOP, class_="strip")
    places = Axis(0, len(points) + 1, left, left + 60)
    labelled = len(points) <= IN_STRIP
    moved = [dot._replace(x=number, label=dot.label if labelled else "") for number, dot in enumerate(points, 1)]
    return join([back, words, dots(moved, places, y)])


def _row(number: int, trial: Trial) -> list:
    latency = None if trial.latency is None else numbers.times(trial.latency)
    met = element("span", "met" if trial.meets_goal else "missed", class_="yes" if trial.meets_goal else "no")
    return [
        str(number),
        trial.label,
        numbers.score(trial.score) if trial.low is None else f"about {numbers.score(trial.score)}",
        met,
        latency or "—",
        numbers.size(trial.bytes),
        str(trial.quantized_modules),
        numbers.seconds(trial.seconds) + _partly(trial),
    ]


def _partly(trial: Trial) -> str:
    """Of an evaluation that ended before its data did."""
    return "" if trial.low is None else f", {trial.samples} of {trial.total} samples"
