"""Files that are there as a whole or not at all."""

import os
from pathlib import Path


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a file in a directory that there is; a reader sees the old file or the new one, never a part."""
    path = Path(path)
    temporary = path.with_name(f".{path.name}.part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
