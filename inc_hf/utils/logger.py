"""INC 2.X's `neural_compressor.utils.logger`, with which scripts write their own lines.

They are seen from INFO on, or from what the environment says in LOGLEVEL, as in INC; those of this package are as
loud as transformers is, see `inc_hf.telling`.
"""

import logging
import os
from logging import CRITICAL, DEBUG, ERROR, INFO, WARNING
from typing import Any

__all__ = [
    "CRITICAL", "DEBUG", "ERROR", "INFO", "Logger", "WARNING", "debug", "error", "fatal", "info", "level", "log",
    "warn", "warning",
]  # fmt: skip

_OF_SCRIPT = logging.getLogger("inc_hf.script")
_NAMES = logging.getLevelNamesMapping() if hasattr(logging, "getLevelNamesMapping") else logging._nameToLevel
_OF_SCRIPT.setLevel(_NAMES.get(os.environ.get("LOGLEVEL", "INFO").upper(), INFO))
level = _OF_SCRIPT.level


class Logger:
    """Gives the logger of scripts."""

    def get_logger(self) -> logging.Logger:
        return _OF_SCRIPT


def log(level: int, msg: Any, *args: Any, **kwargs: Any) -> None:
    """Write at a level of Python's `logging`; a dict comes out key by key, and each line of a text by itself."""
    if isinstance(msg, dict):
        for line in _lines(msg):
            _OF_SCRIPT.log(level, "%s", line, **kwargs)
    elif args or not isinstance(msg, str):
        _OF_SCRIPT.log(level, msg, *args, **kwargs)
    else:
        for line in msg.split("\n"):
            _OF_SCRIPT.log(level, "%s", line, **kwargs)


def debug(msg: Any, *args: Any, **kwargs: Any) -> None:
    log(DEBUG, msg, *args, **kwargs)


def info(msg: Any, *args: Any, **kwargs: Any) -> None:
    log(INFO, msg, *args, **kwargs)


def warning(msg: Any, *args: Any, **kwargs: Any) -> None:
    log(WARNING, msg, *args, **kwargs)


def error(msg: Any, *args: Any, **kwargs: Any) -> None:
    log(ERROR, msg, *args, **kwargs)


def fatal(msg: Any, *args: Any, **kwargs: Any) -> None:
    log(CRITICAL, msg, *args, **kwargs)


warn = warning


def _lines(values: dict, indent: int = 0) -> list[str]:
    """The keys of a dict, and of those in it, one under the other."""
    lines = []
    for key, value in values.items():
        if isinstance(value, dict):
            lines += [f"{' ' * indent}{key}:", *_lines(value, indent + 4)]
        else:
            lines.append(f"{' ' * indent}{key}: {value}")
    return lines
