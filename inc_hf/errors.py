"""Errors that are about what the user asked for, told apart from faults of ours."""


class UsageError(ValueError):
    """What was asked for cannot be done. The message says what came, what is allowed and what to do.

    The commands print it in one line. Any other ValueError or TypeError is a fault of ours, and keeps its traceback.
    """


class UsageTypeError(UsageError, TypeError):
    """The same, for a value of a wrong type."""
