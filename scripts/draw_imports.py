"""Draws who imports whom inside `inc_hf`, as a matrix of its rooms: `docs/imports.md`.

    python scripts/draw_imports.py [--output docs/imports.md]

Rooms stand from low to high, as in tests/test_layers.py. A number is how many names a row imports from a column;
right of the diagonal would be an import that runs back up.
"""

import argparse
import ast
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from test_layers import LAYERS, PACKAGE, imported_names  # noqa: E402


def count_imports(package: Path) -> Counter[tuple[str, str]]:
    """(importer, imported) -> names, between rooms of the package."""
    counts: Counter[tuple[str, str]] = Counter()
    for path in package.rglob("*.py"):
        own = path.relative_to(package).with_suffix("").parts
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for name in imported_names(ast.walk(tree), ["inc_hf", *own[:-1]]):
            root, _, rest = name.partition(".")
            room = rest.partition(".")[0]
            if root == "inc_hf" and room != own[0] and own != ("__init__",):
                counts[own[0], room] += 1
    return counts


def matrix(counts: Counter[tuple[str, str]]) -> str:
    """The counts as a table of text, rooms from low to high."""
    rooms = [room for layer in LAYERS for room in sorted(layer) if any(room in pair for pair in counts)]
    width = max(map(len, rooms)) + 4
    layer_of = {room: level for level, layer in enumerate(LAYERS) for room in layer}
    lines = [" " * width + " ".join(f"{number:>2}" for number in range(1, len(rooms) + 1)) + "  layer"]
    for number, room in enumerate(rooms, 1):
        cells = [" ·" if column == room else f"{counts[room, column] or '':>2}" for column in rooms]
        lines.append(f"{number:>2} {room:<{width - 3}}" + " ".join(cells) + f"  {layer_of[room]}")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "imports.md")
    args = parser.parse_args()
    counts = count_imports(PACKAGE)
    text = f"""# Who imports whom

`python scripts/draw_imports.py`: {len(counts)} arrows between rooms.
A number is how many names a row imports from a column.
Rooms stand from low to high; right of the diagonal would be an import that runs back up.
Two arrows stay within a layer, `quantizer` to `quantization` and `training` to `callbacks`.

```
{matrix(counts)}
```
"""
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
