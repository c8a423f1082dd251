"""A picture of `bench_peers.py`: accuracy against texts per second, one point per engine, at its fastest that is safe.

PYTHONPATH=scripts python -m bench.peers_plot benchmarks/peers     # from peers.json, without measuring
"""

import json
import math
import sys
from pathlib import Path

from pictures.svg import arrow, dot, path, picture, text

WORK = "32 in file order"
WORST = 0.05  # below the best accuracy; what lies lower has blocks of zeros that were cut without training
# Engine -> its label, where that stands beside the point, and the text's anchor.
ENGINES = {
    "torch FP32": ("torch FP32", -8, 24, "start"),
    "torch dynamic INT8, per channel": ("torch INT8", -10, 0, "end"),
    "torchao W8A8 per token, compiled for any length": ("torchao INT8", 0, 24, "middle"),
    "ONNX Runtime dynamic INT8, fused": ("ONNX Runtime INT8", 10, 6, "start"),
    "OpenVINO NNCF INT8, transformer preset": ("OpenVINO INT8", 10, -6, "start"),
    "CTranslate2 INT8": ("CTranslate2", -6, -8, "end"),
    "vLLM, our INT8 checkpoint": ("vLLM INT8", 4, 22, "start"),
    "inc_hf dynamic INT8": ("inc_hf INT8", 10, 2, "start"),
    "inc_hf dynamic INT8, 80 % of 4x1 blocks zero": ("inc_hf INT8, 80 % zeros", -10, 6, "end"),
}
LEFT, RIGHT, TOP, BOTTOM = 60, 620, 20, 290
SLOWEST, FASTEST = 64, 1600  # texts per second; the axis is logarithmic
TICKS = (100, 200, 400, 800)


def draw(report: dict, file: Path) -> None:
    """An SVG file with the engines above whose accuracy and texts per second the report has."""
    lowest = max(result["accuracy"] for result in report["results"].values()) - WORST
    results = {name: report["results"][name] for name in ENGINES if name in report["results"]}
    able = {n: result for n, result in results.items() if WORK in result["works"] and result["accuracy"] >= lowest}
    low, high = _range([100 * result["accuracy"] for result in able.values()])
    shapes = [*_axes(low, high, report["about"]["threads"])]
    for name, result in able.items():
        label, right, down, anchor = ENGINES[name]
        x, y = _x(result["works"][WORK]["throughput"]), _y(100 * result["accuracy"], low, high)
        shapes.append(dot(x, y, "mark" if name.startswith("inc_hf") else "full"))
        shapes.append(f'<g style="font-size: 16px">{text(round(x + right, 1), round(y + down, 1), label, anchor)}</g>')
    file.write_text(picture("Accuracy against sentences per second, one point per engine", 345, *shapes), "utf-8")


def _range(scores: list[float]) -> tuple[int, int]:
    return math.floor(min(scores)), math.ceil(max(scores))


def _x(speed: float) -> float:
    return round(LEFT + (RIGHT - LEFT) * math.log(speed / SLOWEST) / math.log(FASTEST / SLOWEST), 1)


def _y(score: float, low: int, high: int) -> float:
    return round(BOTTOM - (BOTTOM - TOP) * (score - low) / (high - low), 1)


def _axes(low: int, high: int, threads: str) -> list[str]:
    shapes = [arrow(LEFT, BOTTOM, RIGHT + 15, BOTTOM), arrow(LEFT, BOTTOM, LEFT, TOP - 15)]
    for score in range(low, high + 1):
        y = _y(score, low, high)
        shapes += [path(f"M{LEFT - 5},{y} H{LEFT}"), text(LEFT - 30, y + 5, f"{score} %")]
    for speed in TICKS:
        shapes += [path(f"M{_x(speed)},{BOTTOM} v5"), text(_x(speed), BOTTOM + 22, str(speed))]
    words = f"sentences of SST-2 per second, batches of 32, threads: {threads}"
    return [*shapes, text((LEFT + RIGHT) / 2, BOTTOM + 45, words), text(LEFT + 8, TOP - 6, "accuracy", "start")]


if __name__ == "__main__":
    source = Path(sys.argv[1])
    draw(json.loads(source.with_suffix(".json").read_text(encoding="utf-8")), source.with_suffix(".svg"))
