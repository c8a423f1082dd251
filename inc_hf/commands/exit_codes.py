"""What the exit code of a command says."""

from inc_hf.errors import UsageError

EXIT_OK, EXIT_BAD_INPUT, EXIT_GOAL_MISSED, EXIT_NOT_UPLOADED, EXIT_NOT_ALL_READ, EXIT_INTERRUPTED = 0, 2, 3, 4, 5, 130
EXIT_CODES = (
    "exit codes: 0 done; 2 bad input, nothing was written; 3 saved, but the accuracy goal was missed; "
    "4 saved, but not uploaded; 5 done, but some files cannot be read; 130 interrupted (saved, if a trial had ended)"
)


class InterruptedWithStateError(UsageError):
    """By the user, with something on disk to go on with."""

    exit_code = EXIT_INTERRUPTED


class NotUploadedError(UsageError):
    """The result is saved, but not on the Hub."""

    exit_code = EXIT_NOT_UPLOADED
