"""Shapes of an SVG picture, in colours that follow whether the reader's system is light or dark."""

from collections.abc import Callable

WIDTH = 640
STYLE = """
text { font-family: system-ui, sans-serif; fill: #37474f; text-anchor: middle }
svg { font-size: 14px }
.start { text-anchor: start } .middle { text-anchor: middle } .end { text-anchor: end }
.full { fill: #00897b } .half { fill: #80cbc4 } .mark { fill: #f57c00 }
.none { fill: none; stroke: #b0bec5 } .line { fill: none; stroke: #607d8b; stroke-width: 2 }
.dashed { fill: none; stroke: #f57c00; stroke-width: 2; stroke-dasharray: 5 4 }
.box { fill: #e0f2f1; stroke: #00897b } #head { fill: #607d8b }
@media (prefers-color-scheme: dark) {
text { fill: #eceff1 } .full { fill: #4db6ac } .half { fill: #2b6b64 } .mark { fill: #ffb74d }
.none { stroke: #546e7a } .line { stroke: #b0bec5 } .dashed { stroke: #ffb74d }
.box { fill: #1d4a45; stroke: #4db6ac } #head { fill: #b0bec5 }
}
"""
ARROW_HEAD = '<marker id="arrow" markerWidth="7" markerHeight="7" refX="6" refY="3" orient="auto">'
ARROW_HEAD += '<path id="head" d="M0,0 L7,3 L0,6 z"/></marker>'


def picture(title: str, height: int, *shapes: str) -> str:
    """A file; `title` is what a screen reader says."""
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">\n<title>{title}</title>\n'
    return head + f"<style>{STYLE}</style>\n<defs>{ARROW_HEAD}</defs>\n" + "\n".join(shapes) + "\n</svg>\n"


def text(x: float, y: float, words: str, kind: str = "") -> str:
    class_ = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{class_}>{words}</text>'


def rect(x: float, y: float, width: float, height: float, kind: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="2" class="{kind}"/>'


def dot(x: float, y: float, kind: str = "mark") -> str:
    return f'<circle cx="{x}" cy="{y}" r="5" class="{kind}"/>'


def path(steps: str, kind: str = "line") -> str:
    return f'<path d="{steps}" class="{kind}"/>'


def arrow(x: float, y: float, to_x: float, to_y: float, kind: str = "line") -> str:
    return f'<path d="M{x},{y} L{to_x},{to_y}" class="{kind}" marker-end="url(#arrow)"/>'


def box(x: float, y: float, width: float, height: float, *lines: str) -> str:
    first = y + height / 2 + 5 - 9 * (len(lines) - 1)
    words = [text(x + width / 2, first + 18 * number, line) for number, line in enumerate(lines)]
    return "\n".join([rect(x, y, width, height, "box"), *words])


def grid(x: float, y: float, rows: int, columns: int, kind: Callable[[int, int], str], size: float = 16) -> str:
    """Squares; `kind` of (row, column) says how each one looks."""
    return "\n".join(
        rect(x + size * column, y + size * row, size - 2, size - 2, kind(row, column))
        for row in range(rows)
        for column in range(columns)
    )
