"""Folders of small files."""

from collections.abc import Iterable
from pathlib import Path


def fill(folder: Path, names: Iterable[str], text: str = "old") -> None:
    """Write a file of each name, with all folders that it needs."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def names_in(folder: Path) -> list[str]:
    """All files, at any depth."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
