"""Draws the picture of each page of docs/methods/.

python scripts/draw_methods.py [--output docs/pictures]
"""

import argparse
import random
from collections.abc import Callable
from pathlib import Path

from pictures.svg import arrow, box, dot, grid, path, picture, rect, text

ROOT = Path(__file__).resolve().parents[1]
PRUNED = 0.75  # share of zeros in the drawings of patterns


def full(row: int, column: int) -> str:
    return "full"


def product(title: str, scales: list[str], words: str) -> str:
    """Activations times weights; `scales` are the dots of the activations."""
    return picture(
        title,
        190,
        text(105, 20, "activations, INT8"),
        grid(40, 40, 5, 8, lambda row, column: "half"),
        *scales,
        text(265, 92, "×"),
        text(375, 20, "weights, INT8"),
        grid(310, 40, 5, 8, full),
        *(dot(317 + 16 * column, 132) for column in range(8)),
        text(375, 158, "one scale per output channel"),
        arrow(460, 85, 500, 85),
        text(565, 80, "integer sums,"),
        text(565, 98, "scaled to float"),
        text(105, 158, words),
    )


def dynamic() -> str:
    scales = [dot(180, 47 + 16 * row) for row in range(5)]
    return product("Each token has a scale of its own", scales, "one scale per token, as it runs")


def static() -> str:
    return product("All tokens share one scale", [dot(104, 132)], "one scale, from calibration")


def qat() -> str:
    steps = "M60,165 H100 V135 H160 V105 H220 V75 H280 V45 H320"
    return picture(
        "Training sees the rounded weight, its gradient passes as if there were no rounding",
        200,
        path("M60,180 V20 M45,165 H335"),
        path(steps),
        path("M60,170 L320,40", "dashed"),
        text(190, 190, "float weight"),
        text(125, 25, "weight in use"),
        path("M380,75 H430"),
        text(440, 80, "forward: rounded", "start"),
        path("M380,115 H430", "dashed"),
        text(440, 120, "backward: straight through", "start"),
    )


def kept(rows: int, columns: int, height: int) -> Callable[[int, int], str]:
    """Blocks of `height` x 1, chosen at random; the same number in each picture of this shape."""
    places = [(row, column) for row in range(rows // height) for column in range(columns)]
    chosen = set(random.Random(0).sample(places, round(len(places) * (1 - PRUNED))))
    return lambda row, column: "full" if (row // height, column) in chosen else "none"


def two_of_four(row: int, column: int) -> str:
    return "full" if column % 4 in random.Random(100 * row + column // 4).sample(range(4), 2) else "none"


def pruning() -> str:
    return picture(
        "Of a weight matrix, whole blocks of four outputs and one input are kept or zero",
        230,
        grid(60, 30, 12, 20, kept(12, 20, 4), 15),
        text(210, 18, "inputs"),
        '<text transform="translate(44 120) rotate(-90)">outputs</text>',
        grid(430, 60, 4, 1, full, 15),
        text(455, 94, "a block that is kept", "start"),
        grid(430, 140, 4, 1, lambda row, column: "none", 15),
        text(455, 174, "a block of zeros: skipped", "start"),
    )


def patterns() -> str:
    kinds = {
        "1x1": kept(8, 8, 1),
        "2:4": two_of_four,
        "4x1": kept(8, 8, 4),
        "channelx1": lambda row, column: "full" if column in (1, 6) else "none",
    }
    shapes = []
    for number, (name, kind) in enumerate(kinds.items()):
        x = 20 + 157 * number
        shapes += [grid(x, 20, 8, 8, kind), text(x + 64, 170, name)]
    return picture("Which weights may be zero in four patterns", 190, *shapes)


def distillation() -> str:
    return picture(
        "The student learns to give the teacher's probabilities",
        210,
        box(20, 75, 90, 50, "texts"),
        box(190, 20, 150, 55, "teacher", "stays as it is"),
        box(190, 125, 150, 55, "student", "is pruned"),
        arrow(110, 90, 186, 50),
        arrow(110, 110, 186, 150),
        box(460, 72, 150, 55, "how far apart?", "loss: KL"),
        arrow(340, 47, 456, 90),
        arrow(340, 145, 456, 112),
        path("M535,127 V190 H265", "dashed"),
        arrow(265, 191, 265, 182, "dashed"),
        text(400, 206, "gradient: to the student alone"),
    )


def slim() -> str:
    cut = {1, 2, 5, 6, 9, 11}
    return picture(
        "Cut columns of the feed-forward block leave two smaller matrices",
        200,
        grid(60, 30, 12, 6, lambda row, column: "none" if row in cut else "full", 12),
        text(95, 194, "into the block"),
        grid(180, 66, 6, 12, lambda row, column: "none" if column in cut else "full", 12),
        text(252, 194, "out of it"),
        arrow(345, 102, 425, 102),
        text(385, 90, "model_slim"),
        grid(455, 66, 6, 6, full, 12),
        grid(545, 66, 6, 6, full, 12),
        text(535, 158, "smaller on any runtime"),
    )


def bf16() -> str:
    def bits(y: int, name: str, fraction: int) -> list[str]:
        parts = [rect(110, y, 13, 26, "mark"), rect(125, y, 8 * 15 - 2, 26, "half")]
        return [text(58, y + 18, name), *parts, rect(245, y, fraction * 15 - 2, 26, "full")]

    return picture(
        "BF16 is the upper half of FP32: the same exponent, fewer bits of the fraction",
        160,
        *bits(40, "FP32", 23),
        *bits(95, "BF16", 7),
        text(112, 30, "sign"),
        text(190, 30, "exponent, 8 bits"),
        text(410, 30, "fraction, 23 bits"),
        text(300, 142, "fraction, 7 bits"),
    )


PICTURES = (dynamic, static, qat, pruning, patterns, distillation, slim, bf16)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "pictures")
    args = parser.parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    for draw in PICTURES:
        (args.output / f"{draw.__name__}.svg").write_text(draw(), encoding="utf-8")


if __name__ == "__main__":
    main()
