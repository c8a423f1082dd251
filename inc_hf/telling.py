"""How the package speaks: as loudly as transformers does, unless the user has told `inc_hf` or the root logger more.

`transformers.utils.logging.set_verbosity_info()` and its like, TRANSFORMERS_VERBOSITY and `disable_progress_bar()`
hold here, too. This only looks whether transformers is there, and never imports it.
"""

import logging
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from operator import length_hint
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from tqdm.auto import tqdm

NOTICE = 35  # what came out of a verb, in one line: seen by default, silenced with warnings by `set_verbosity_error`
DEFAULT = logging.WARNING  # of transformers, with which it is the root logger that decides
logging.addLevelName(NOTICE, "NOTICE")


class FollowingLogger(logging.Logger):
    """The logger of the package; those of its modules take its level. Its own level, if it has one, goes first."""

    @property
    def level(self) -> int:
        own = vars(self)["level"]
        return own or _level_of_transformers()

    @level.setter
    def level(self, value: int) -> None:
        vars(self)["level"] = value


def _level_of_transformers() -> int:
    """0 if transformers is not there, or as loud as it is by default."""
    if "transformers.utils.logging" not in sys.modules:
        return 0
    level = logging.getLogger("transformers").level
    return 0 if level == DEFAULT else level


def _is_replica() -> bool:
    """Whether another process of the same run says the same."""
    distributed = getattr(sys.modules.get("torch"), "distributed", None)
    if distributed is None or not (distributed.is_available() and distributed.is_initialized()):
        return False
    return distributed.get_rank() > 0


class LastResort(logging.StreamHandler):
    """To standard error, where nobody has set up logging; Python's own drops everything below warnings.

    Of several processes of a run, the first says what came out.
    """

    def __init__(self):
        super().__init__()
        self.setFormatter(logging.Formatter("%(message)s"))

    def filter(self, record: logging.LogRecord) -> bool:
        alone = logging.getLogger("inc_hf").handlers == [self] and not logging.getLogger().handlers
        is_echo = record.levelno == NOTICE and _is_replica()
        return alone and not is_echo and super().filter(record)

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr  # as it is now: notebooks and tests replace it
        tqdm = getattr(sys.modules.get("tqdm"), "tqdm", None)  # whose bars give way to a line, and come back
        with nullcontext() if tqdm is None else tqdm.external_write_mode(self.stream):
            super().emit(record)


_told: "WeakKeyDictionary[Any, set[str]]" = WeakKeyDictionary()


def warn_once(logger: logging.Logger, subject: Any, message: str, *args: Any) -> None:
    """A warning about `subject`, such as a model, that it has not had before: one is looked at when a run is prepared,
    when it begins, and by each of several configs."""
    text = message % args
    told = _told.setdefault(subject, set())
    if text not in told and logger.isEnabledFor(logging.WARNING):
        told.add(text)
        logger.warning("%s", text)


def set_up() -> None:
    """Make the package's logger follow transformers. Levels and handlers that the user has set stay."""
    logger = logging.getLogger("inc_hf")
    logger.__class__ = FollowingLogger
    if not logger.handlers:
        logger.addHandler(LastResort())


def progress_bar(iterable: Iterable | None = None, *, disable: bool = False, **kwargs: Any) -> "tqdm":
    """A progress bar of tqdm, unless `disable` or `transformers.utils.logging.disable_progress_bar()` says no.

    Its end is known wherever that of `iterable` is: of iterators by `operator.length_hint`.
    """
    from tqdm.auto import tqdm  # here, so that `import inc_hf` stays quick

    of_transformers = sys.modules.get("transformers.utils.logging")
    hidden = of_transformers is not None and not of_transformers.is_progress_bar_enabled()
    total = kwargs.pop("total", None) or length_hint(() if iterable is None else iterable) or None
    return tqdm(iterable, total=total, disable=disable or hidden, **kwargs)
