"""What the exit code of a command says."""

EXIT_OK, EXIT_BAD_INPUT, EXIT_GOAL_MISSED, EXIT_INTERRUPTED = 0, 2, 3, 130
EXIT_CODES = (
    "exit codes: 0 done; 2 bad input, nothing was written; 3 saved, but the accuracy goal was missed; "
    "130 interrupted (saved, if a trial had ended)"
)
