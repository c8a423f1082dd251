"""Errors that are about what the user asked for, told apart from faults of ours."""

import traceback
from types import TracebackType


class UsageError(ValueError):
    """What was asked for cannot be done. The message says what came, what is allowed and what to do.

    The commands print it in one line. Any other ValueError or TypeError is a fault of ours, and keeps its traceback.
    """


class UsageTypeError(UsageError, TypeError):
    """The same, for a value of a wrong type."""


class usage_error_for:  # noqa: N801 as it is called like a function, as those of contextlib are
    """Around a call of another package on what the user gave, such as a file: what it raises becomes a [`UsageError`].

    There is no list of errors that would do: `tokenizers` raises `Exception` itself, `transformers` whatever its code
    meets in a config.json that is a list. So what counts is who raised it: an error from a line of this package is a
    UsageError or a fault of ours, and passes unchanged. So do errors of the system, which say what is wrong.

    Args:
        what (`str`): cannot be done, such as "model/config.json cannot be read".
        kinds (`type`, or a tuple of them): of errors, where only some are about what the user gave.
    """

    def __init__(self, what: str, kinds: type[Exception] | tuple[type[Exception], ...] = Exception):
        self.what, self.kinds = what, kinds

    def __enter__(self) -> None:
        pass

    def __exit__(self, _: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        passes = isinstance(error, OSError | ImportError | MemoryError | UsageError)
        if isinstance(error, self.kinds) and not passes and not _is_ours(trace):
            raise UsageError(f"{self.what}: {_reason(error)}") from error


def _is_ours(trace: TracebackType) -> bool:
    *_, (frame, _) = traceback.walk_tb(trace)
    return frame.f_globals["__name__"].partition(".")[0] == __name__.partition(".")[0]


def _reason(error: BaseException) -> str:
    """That of the first error: `datasets` says no more than that there was one."""
    while error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, UnicodeDecodeError):
        return f"{error}; save it as UTF-8"
    is_sentence = isinstance(error, ValueError | RuntimeError) or type(error) is Exception
    return str(error) if is_sentence else f"{type(error).__name__}: {error}"
