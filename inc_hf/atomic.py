"""Files and directories that are there as a whole or not at all, whatever is killed and whoever else writes them.

What is not finished lies beside its target, as `.NAME.RANDOM.part`, under a lock that ends with its process. So the
next who writes the same target can tell what a killed process left from what another one is writing now.
"""

import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

PART, OLD = ".part", ".old"  # what is being written; what is being replaced, where two names cannot be exchanged


def write_text(path: str | os.PathLike, text: str) -> None:
    """Write a file in a directory that there is; a reader sees the old file or the new one, never a part."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: str | os.PathLike, content: bytes) -> None:
    """As [`write_text`]."""
    path = Path(path)
    with temporary_file(path) as temporary:
        temporary.write_bytes(content)
        os.replace(temporary, path)


@contextlib.contextmanager
def temporary_file(target: Path) -> Iterator[Path]:
    """A new, empty file beside `target`, removed in the end if it is still there."""
    yield from _temporary(target, lambda path: path.touch(exist_ok=False))


@contextlib.contextmanager
def temporary_directory(target: Path) -> Iterator[Path]:
    """A new directory beside `target`, for its owner alone; removed in the end."""
    yield from _temporary(target, lambda path: path.mkdir(0o700))


def _temporary(target: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    remove_leavings(target, PART)
    path, lock = None, None
    while lock is None:
        path = unique_beside(target, PART)
        make(path)
        lock = _own(path)
    try:
        yield path
    finally:
        _remove(path)
        os.close(lock)


def unique_beside(target: Path, suffix: str) -> Path:
    """A hidden name beside `target` that nobody else takes. Not from `random`, which users give a seed."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}{suffix}")


def remove_leavings(target: Path, suffix: str) -> None:
    """Remove what killed processes left of `target`; what another one is writing stays."""
    name = re.compile(rf"\.{re.escape(target.name)}\.[a-z0-9_]{{8}}{re.escape(suffix)}")
    for path in _entries(target.parent):
        if name.fullmatch(path.name) and not path.is_symlink():
            with locked(path, wait=False) as is_mine:
                if is_mine:
                    _remove(path)


@contextlib.contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Whether the lock of a file or directory was taken, which it is for the block; without `wait`, not if another
    has it. File systems without locks, and what cannot be read, say no."""
    lock = _lock(path, wait)
    try:
        yield lock is not None
    finally:
        if lock is not None:
            os.close(lock)


def _lock(path: Path, wait: bool) -> int | None:
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        os.close(lock)
        return None
    return lock


def _own(path: Path) -> int | None:
    """The lock of what was just made, or a descriptor of it where there are no locks; None if another process took it
    for a leaving meanwhile."""
    try:
        lock = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    with contextlib.suppress(OSError):
        fcntl.flock(lock, fcntl.LOCK_EX)
    if path.exists():
        return lock
    os.close(lock)
    return None


def _entries(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:  # whoever writes there says what is wrong
        return []


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
