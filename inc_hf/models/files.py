"""Files of a checkpoint that may be there or not, in a directory or on the Hub."""

import os
from typing import Any

from transformers.utils import cached_file


def find_file(name: str | os.PathLike, file: str, *, quiet: bool = False, **hub: Any) -> str | None:
    """Where a file of a checkpoint lies on this machine, downloaded if it has to be; None if there is no such file.

    Args:
        quiet (`bool`): whether an answer of the Hub that is an error counts as no such file, for those who can do
            without it; otherwise it is raised.
        hub: `revision`, `subfolder`, `token`, ….

    Raises:
        OSError: there is no such checkpoint, or the Hub answers with an error.
    """
    return cached_file(
        name,
        file,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=not quiet,
        **hub,
    )
