"""What lies in the JSON files of a checkpoint, for whoever can do without: who needs them says what is wrong."""

import json
import os
from pathlib import Path
from typing import Any


def read_json(path: str | os.PathLike) -> Any:
    """The content of a file; None if it is not there or malformed."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def read_object(path: str | os.PathLike) -> dict[str, Any]:
    """The content of a file; an empty dict if that is no object, or there is none."""
    content = read_json(path)
    return content if isinstance(content, dict) else {}
