"""Latencies as bars, and accuracy against latency."""

import os
from pathlib import Path
from typing import Any

from inc_hf.benchmark.measurement import Measurement
from inc_hf.errors import UsageError

FIRST, OTHERS = "#8c8c8c", "#2a6fbb"


def plot(measurements: list[Measurement], title: str, path: str | os.PathLike) -> Path:
    """Write a PNG (or what else the ending of `path` says).

    Raises:
        ImportError, ValueError: see [`check_plot`].
    """
    path = check_plot(path)
    scored = [m for m in measurements if m.score is not None]
    figure = _figure(figsize=(11 if scored else 6.5, 1.6 + 0.5 * len(measurements)), layout="constrained")
    axes = figure.subplots(1, 2 if scored else 1, squeeze=False)[0]
    draw_latencies(axes[0], measurements)
    if scored:
        draw_scores(axes[1], scored)
    figure.suptitle(title, fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path


def check_plot(path: str | os.PathLike) -> Path:
    """The path of a plot that can be drawn.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: it writes no such files.
    """
    path, endings = Path(path), sorted(_figure().canvas.get_supported_filetypes())
    if path.suffix and path.suffix[1:].lower() not in endings:
        raise UsageError(f"{path} must end with one of {', '.join(endings)}, e.g. {path.with_suffix('.png')}.")
    return path


def _figure(**settings: Any) -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("The plot needs matplotlib: pip install 'inc-hf[benchmark]'.") from error
    return Figure(**settings)


def draw_latencies(axes: Any, measurements: list[Measurement]) -> None:
    """Bars as long as the median, with a line to the 90th percentile."""
    names = [m.name for m in measurements][::-1]
    medians = [m.latency.p50 for m in measurements][::-1]
    beyond = [max(m.latency.p90 - m.latency.p50, 0) for m in measurements][::-1]
    colours = [FIRST if m is measurements[0] else OTHERS for m in measurements][::-1]
    bars = axes.barh(names, medians, xerr=[[0] * len(names), beyond], color=colours, ecolor="#404040", capsize=3)
    axes.bar_label(bars, [f"{value:.1f} ms" for value in medians], label_type="center", color="white", fontsize=9)
    axes.set_xlabel("milliseconds per batch, median and 90th percentile")
    axes.spines[["top", "right"]].set_visible(False)


def draw_scores(axes: Any, measurements: list[Measurement]) -> None:
    """A point for each model: up is more accurate, left is faster."""
    for m in measurements:
        axes.plot(m.latency.p50, m.score, "o", color=FIRST if m is measurements[0] else OTHERS, markersize=8)
        axes.annotate(m.name, (m.latency.p50, m.score), xytext=(8, 0), textcoords="offset points", va="center")
    scores = [m.score for m in measurements]
    margin = max(max(scores) - min(scores), 0.01)
    axes.set_ylim(min(scores) - margin, max(scores) + margin)
    axes.set_xlim(0, 1.5 * max(m.latency.p50 for m in measurements))
    axes.set_xlabel("milliseconds per batch")
    axes.set_ylabel("score")
    axes.spines[["top", "right"]].set_visible(False)
