"""What is wrong with a YAML file of INC 1.X, and where."""

from pathlib import Path

from inc_hf.errors import UsageError

LONGEST_KEY = 200  # characters of it in a message


class ConfError(UsageError):
    """A conf cannot be read or has no counterpart in 2.X. It knows its file, its line and its key, where it has them.

    Args:
        what (`str`): what came, what is allowed and what to do.
        file (`Path`, *optional*): None is a conf that was given as a dict.
        line (`int`, *optional*): counted from 1.
        key (`str`, *optional*): with dots, such as `tuning.exit_policy.timeout`.
    """

    def __init__(self, what: str, file: Path | None = None, line: int | None = None, key: str | None = None):
        self.what, self.file, self.line, self.key = what, file, line, key
        place = str(file) if file is not None else "conf"
        place += f", line {line}" if line is not None else ""
        name = key if key is None or len(key) <= LONGEST_KEY else f"{key[:LONGEST_KEY]}…"
        super().__init__(f"{place}: {f'`{name}` ' if name else ''}{what}")

    def __reduce__(self) -> tuple:
        return type(self), (self.what, self.file, self.line, self.key)
