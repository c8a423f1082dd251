"""What a directory tells: a checkpoint, the workspace of a search, what a Trainer wrote, or all in one."""

import os
from pathlib import Path

from inc_hf.errors import UsageError
from inc_hf.report.facts import Facts
from inc_hf.report.from_checkpoint import WEIGHT_FILES, tell_of_checkpoint
from inc_hf.report.from_training import STATE, tell_of_training
from inc_hf.report.from_workspace import FILES, tell_of_workspace


def facts_of(directory: str | os.PathLike) -> Facts:
    """All that is found in a directory; its weights are read one layer at a time.

    Raises:
        UsageError: there is nothing to report on.
        ValueError: a file is damaged; the message names it.
    """
    directory = Path(directory)
    if not directory.is_dir():
        what = "it is a file; give the directory that it lies in" if directory.exists() else "no such directory"
        raise UsageError(f"There is nothing to report on in {directory}: {what}.")
    facts = Facts(directory.resolve().name)
    for tell in (tell_of_checkpoint, tell_of_workspace, tell_of_training):  # each adds to what is told already
        tell(directory, facts)
    if facts.is_empty:
        raise UsageError(
            f"There is nothing to report on in {directory}: neither a checkpoint (config.json and {WEIGHT_FILES}), "
            f"nor a workspace ({', '.join(FILES)}), nor a training ({STATE})."
        )
    return facts
