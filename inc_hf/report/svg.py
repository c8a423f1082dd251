"""Pictures that need nothing but the page that they are in; their colours are those of its style."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from inc_hf.report.axes import Axis
from inc_hf.report.html import Markup, element, escaped, join

WIDTH, HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 30, 42  # what is outside of the axes
MARKS = 60  # points of a line that are marked, if it has no more

Point = tuple[float, float]


class Dot(NamedTuple):
    """A point of a scatter plot: where, of which class of the style, its words, and a short label beside it."""

    x: float
    y: float
    kind: str
    title: str
    label: str = ""


def axes_of(xs: Sequence[float], ys: Sequence[float], right: float = RIGHT) -> tuple[Axis, Axis]:
    """Axes on which all these have a place."""
    return Axis.over(xs, LEFT, WIDTH - right), Axis.over(ys, HEIGHT - BOTTOM, TOP)


def picture(label: str, *content: Any) -> Markup:
    """The frame of a plot; `label` is for who does not see it."""
    return element("svg", *content, viewBox=f"0 0 {WIDTH} {HEIGHT}", role="img", aria_label=label, class_="plot")


def frame(x: Axis, y: Axis, x_name: str, y_name: str) -> Markup:
    """Grid, numbers and names of two axes."""
    return join(
        [
            *[_line("grid", x.start, y(tick), x.end, y(tick)) for tick in y.ticks()],
            *[_text(x.start - 6, y(tick) + 4, y.label(tick), anchor="end") for tick in y.ticks()],
            *[_line("grid", x(tick), y.start, x(tick), y.end) for tick in x.ticks()],
            *[_text(x(tick), y.start + 16, x.label(tick)) for tick in x.ticks()],
            _text((x.start + x.end) / 2, HEIGHT - 6, x_name, kind="name"),
            _text(2, 13, y_name, "start", kind="name"),  # above its axis, where it is read without turning the head
        ]
    )


def dots(points: Iterable[Dot], x: Axis, y: Axis) -> Markup:
    """Points with their labels."""
    return join(_dot(point, x(point.x), y(point.y)) for point in points)


def level(y: Axis, value: float, name: str, x: Axis) -> Markup:
    """A horizontal line at a value, named at its left end."""
    below = y(value) + 14 if y(value) < TOP + 20 else y(value) - 5
    return join(
        [_line("level", x.start, y(value), x.end, y(value)), _text(x.start + 4, below, name, "start", "levelname")]
    )


def lines(
    series: Mapping[str, Sequence[Point]], x_name: str, y_name: str, label: str, from_zero: bool = False
) -> Markup:
    """Lines over a common axis, with a legend above the picture."""
    points = [point for line in series.values() for point in line]
    x, y = axes_of([p[0] for p in points], [p[1] for p in points] + ([0.0] if from_zero else []))
    drawn = [_polyline(line, x, y, number) for number, line in enumerate(series.values())]
    return join([legend(series), picture(label, frame(x, y, x_name, y_name), *drawn)])


def legend(names: Iterable[str], kinds: Sequence[str] = ()) -> Markup:
    """What the colours mean."""
    entries = [
        element("span", element("i", class_=kinds[i] if kinds else f"s{i}"), name) for i, name in enumerate(names)
    ]
    return element("p", *entries, class_="legend")


def two_ranges(first: Point, second: Point) -> Markup:
    """Two stretches, one above the other, with a mark at zero."""
    axis = Axis.over([*first, *second, 0.0], 0, 100, margin=0.02)
    bars = [
        element("rect", x=axis(low), y=top, width=max(round(axis(high) - axis(low), 2), 0.8), height=6, class_=kind)
        for (low, high), top, kind in ((first, 3, "float"), (second, 15, "met"))
    ]
    zero = _line("level", axis(0), 0, axis(0), 24)
    return element(
        "svg", *bars, zero, viewBox="0 0 100 24", preserveAspectRatio="none", class_="ranges", aria_hidden="true"
    )


def _dot(point: Dot, x: float, y: float) -> Markup:
    title = element("title", point.title)
    if point.kind == "float":
        mark = element("rect", title, x=x - 5, y=y - 5, width=10, height=10, class_="dot float")
    else:
        mark = element("circle", title, cx=x, cy=y, r=7 if point.kind == "best" else 5, class_=f"dot {point.kind}")
    return join([mark, _text(x, y - 9, point.label, kind="label") if point.label else None])


def _polyline(points: Sequence[Point], x: Axis, y: Axis, number: int) -> Markup:
    path = " ".join(f"{x(a):g},{y(b):g}" for a, b in points)
    marks = [element("circle", cx=x(a), cy=y(b), r=2.5, class_=f"s{number}") for a, b in points]
    line = element("polyline", points=path, class_=f"line s{number}")
    return join([line, *(marks if len(points) <= MARKS else [])])


def _line(kind: str, x1: float, y1: float, x2: float, y2: float) -> Markup:
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind)


def _text(x: float, y: float, text: str, anchor: str = "middle", kind: str | None = None) -> Markup:
    return element("text", escaped(text), x=round(x, 2), y=round(y, 2), text_anchor=anchor, class_=kind)
