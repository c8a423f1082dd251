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
    is_itself = place == Path(directory).resolve()
    if not place.is_dir():
        what = "" if is_itself else f"{directory} cannot be a directory: "
        raise NotWritableError(f"{what}{place} is a file; choose another directory, or move the file away.")
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        where = "" if is_itself else f"{place}: "
        raise NotWritableError(
            f"{directory} cannot be written: {where}{error.strerror}; choose another directory, or its rights."
        ) from error
