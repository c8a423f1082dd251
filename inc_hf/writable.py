"""Places that will be written to in the end, looked at in the beginning."""

import os
import tempfile
from pathlib import Path

from inc_hf.errors import UsageError


class NotWritableError(UsageError, OSError):
    """Nothing can be written there. The message says why, and what to do."""


def check_writable(directory: str | os.PathLike) -> None:
    """Raise NotWritableError unless files can be written in a directory, which need not be there yet; nothing stays
    of the attempt."""
    place = Path(directory).resolve()
    while not os.path.lexists(place):
        place = place.parent
    if not place.is_dir():
        raise NotWritableError(
            f"{directory} cannot be a directory: {place} is a file; choose another directory, or move the file away."
        )
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        raise NotWritableError(
            f"{directory} cannot be written: {place}: {error.strerror}; choose another directory, or its rights."
        ) from error
