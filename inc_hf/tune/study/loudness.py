"""How loudly Optuna speaks while it works for this package."""

import contextlib
import logging
from collections.abc import Iterator


@contextlib.contextmanager
def as_loud_as_us() -> Iterator[None]:
    """Optuna tells what it does by itself, on its own handler; in this block only if this package is told to speak of
    what it does, too."""
    theirs, ours = logging.getLogger("optuna"), logging.getLogger("inc_hf").getEffectiveLevel()
    level = theirs.level
    theirs.setLevel(max(level, ours if ours < logging.WARNING else logging.ERROR))
    try:
        yield
    finally:
        theirs.setLevel(level)
