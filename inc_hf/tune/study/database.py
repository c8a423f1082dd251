"""Studies in a database. Errors are one line, and never tell the password of a URL."""

import time

from optuna.storages import RDBStorage
from sqlalchemy.engine import make_url
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from inc_hf.errors import UsageError

PATIENCE = 60  # seconds that SQLite waits for another process
ATTEMPTS, PAUSE = 20, 0.25


def opened(url: str) -> RDBStorage:
    """The storage of a URL, with its tables.

    Raises:
        ValueError: it cannot be reached.
        ImportError: its driver is not installed.
    """
    shown = in_words(url)
    wait = {"connect_args": {"timeout": PATIENCE}} if url.startswith("sqlite") else {}
    for attempt in range(ATTEMPTS):
        try:
            return RDBStorage(url, engine_kwargs=wait)
        except ImportError as error:
            raise ImportError(
                f"The storage {shown} needs a package that is not installed: {_reason(error)}"
            ) from error
        except (SQLAlchemyError, RuntimeError, OSError) as error:
            if attempt == ATTEMPTS - 1 or not _is_being_made(error):
                raise UsageError(f"The storage {shown} cannot be opened: {_reason(error)}") from error
            time.sleep(PAUSE)


def _is_being_made(error: Exception) -> bool:
    """Whether another process makes the tables right now."""
    return isinstance(error, IntegrityError | RuntimeError) or "exist" in str(error)


def _reason(error: Exception) -> str:
    return str(error.__cause__ or error).strip().splitlines()[0]


def in_words(url: str) -> str:
    """For messages.

    Raises:
        ValueError: it is no URL.
    """
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        raise UsageError("`storage` is no URL of a database, such as sqlite:///study.db.") from None
