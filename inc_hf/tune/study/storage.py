"""Where a study is kept: a journal in a file, or a database."""

import fcntl
import os
from pathlib import Path

from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from inc_hf.errors import UsageError
from inc_hf.writable import check_writable

FILE = "study.journal"


class FileLock(JournalFileSymlinkLock):
    """The lock of the file itself, which ends with its process; where there are none, Optuna's, which waits for half a
    minute after a process was killed. What a killed one has left of a line goes."""

    def __init__(self, path: Path):
        super().__init__(str(path))
        self.path, self.held = path, None

    def acquire(self) -> bool:
        lock = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            os.close(lock)
            return super().acquire()
        self.held = lock
        _mend(lock)
        return True

    def release(self) -> None:
        if self.held is None:
            super().release()
        else:
            lock, self.held = self.held, None
            os.close(lock)


def _mend(file: int) -> None:
    """Cut off a last line without its end."""
    size = end = os.fstat(file).st_size
    while end and os.pread(file, 1, end - 1) != b"\n":
        end -= 1
    if end < size:
        os.ftruncate(file, end)


def opened(storage: str | os.PathLike | None, workspace: Path | None) -> BaseStorage:
    """The storage of a URL or a path; by default a journal in the workspace, or memory where there is none.

    Raises:
        ValueError: it cannot be reached, or is something else; nothing is overwritten.
        ImportError: its database needs a package that is not installed.
    """
    if storage is None and workspace is None:
        return InMemoryStorage()
    if is_url(storage):
        from inc_hf.tune.study import database  # here, as it takes a second to import

        return database.opened(str(storage))
    return _journal(journal_of(storage, workspace))


def check_storage(storage: str | os.PathLike | None, workspace: Path) -> None:
    """Raise what [`opened`] would; no file of a journal is made."""
    path = journal_of(storage, workspace)
    if is_url(storage) or path.exists():
        opened(storage, workspace)
    else:
        check_writable(path.parent)


def is_url(storage: str | os.PathLike | None) -> bool:
    return "://" in str(storage)


def journal_of(storage: str | os.PathLike | None, workspace: Path) -> Path:
    return workspace / FILE if storage is None else Path(storage)


def in_words(storage: str | os.PathLike | None, workspace: Path | None) -> str:
    """For messages: without a password."""
    if storage is None and workspace is None:
        return "memory"
    if is_url(storage):
        from inc_hf.tune.study import database

        return database.in_words(str(storage))
    return str(journal_of(storage, workspace))


def _journal(path: Path) -> JournalStorage:
    check_writable(path.parent)
    if path.is_dir():
        raise UsageError(f"{path} is a directory; `storage` is the file of a journal, or the URL of a database.")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return JournalStorage(JournalFileBackend(str(path), FileLock(path)))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"{path} is not a journal of Optuna; choose another `storage`, or move it away.") from error
