"""Files that a report reads, which may be damaged."""

import csv
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inc_hf.errors import UsageError


@contextmanager
def damaged(file: Path) -> Iterator[None]:
    """Around reading a file: what is wrong with it becomes a UsageError that names it."""
    try:
        yield
    except UsageError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, csv.Error) as error:
        raise UsageError(f"{file} is damaged: {error!r}; move it away to report on the rest.") from error


def read_dict(file: Path) -> dict[str, Any]:
    """The object in a JSON file; an empty one if there is no file."""
    if not file.is_file():
        return {}
    with damaged(file):
        content = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise TypeError(f"{type(content).__name__} instead of an object")
        return content


def read_table(file: Path, columns: Sequence[str], texts: Sequence[str] = ("module",)) -> list[dict[str, Any]]:
    """The rows of a CSV file, numbers but for the columns `texts`, None where nothing stands; without a file, none."""
    if not file.is_file():
        return []
    with damaged(file), file.open(encoding="utf-8", newline="") as lines:
        reader = csv.DictReader(lines)
        if missing := [name for name in columns if name not in (reader.fieldnames or ())]:
            raise ValueError(f"it has no column {missing[0]!r}")
        return [{name: row[name] if name in texts else _number(row[name]) for name in columns} for row in reader]


def number_or_none(value: Any) -> float | None:
    """A finite number, None for all else."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _number(text: str | None) -> float | None:
    return float(text) if text else None
