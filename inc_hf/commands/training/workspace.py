"""Where the checkpoints of a run are until it is done: the directory of the result is whole or not there."""

import hashlib
import json
import logging
import shutil
from pathlib import Path
from typing import Any

from inc_hf.atomic import write_text
from inc_hf.config.runtime import cache_dir
from inc_hf.errors import UsageError
from inc_hf.models.json_files import read_object
from inc_hf.writable import check_writable

logger = logging.getLogger(__name__)

JOB = "job.json"


def workspace_of(output: str, asked: str | None) -> Path:
    """The directory that is asked for, or one in the cache for this output."""
    if asked is not None:
        return Path(asked)
    key = hashlib.sha256(str(Path(output).resolve()).encode()).hexdigest()[:12]
    return cache_dir() / "training" / f"{Path(output).resolve().name}-{key}"


def check_workspace(place: Path, job: dict[str, Any], resume: bool) -> None:
    """Refuse a place with files of somebody else, and to go on with what is not there or was another job.

    Raises:
        UsageError: says what differs.
    """
    check_writable(place)
    before = read_object(place / JOB)
    if not before and place.is_dir() and any(place.iterdir()):
        raise UsageError(f"{place} holds other files; choose another directory for --workspace.")
    if resume and not before:
        raise UsageError(f"There is nothing to resume: no run for this output was interrupted ({place}).")
    if resume and (other := sorted(key for key in job if job[key] != before.get(key))):
        told = f"{other[0]} was {json.dumps(before.get(other[0]))}, and is {json.dumps(job[other[0]])}"
        raise UsageError(f"The run that was interrupted was another one: {told}; leave out --resume, or say the same.")


def begin(place: Path, job: dict[str, Any], resume: bool) -> None:
    """Make the place ready: empty, or as it was left."""
    if resume:
        return
    if (place / JOB).is_file():
        logger.warning("An interrupted run for this output begins anew; --resume would have gone on with it.")
        clear(place)
    place.mkdir(parents=True, exist_ok=True)
    write_text(place / JOB, json.dumps(job, indent=2) + "\n")


def clear(place: Path) -> None:
    """Remove it, with its checkpoints."""
    shutil.rmtree(place, ignore_errors=True)
