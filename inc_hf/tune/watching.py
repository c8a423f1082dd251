"""What is written for TensorBoard, if it is asked for."""

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from inc_hf.config import options

if TYPE_CHECKING:
    from inc_hf.tune.tensorboard import TensorBoard


def check_tensorboard() -> None:
    """Raise ImportError if `set_tensorboard(True)` was called, and the package is missing."""
    if options.tensorboard and importlib.util.find_spec("tensorboard") is None:
        raise ImportError(
            '`set_tensorboard(True)` needs the package tensorboard: `pip install "inc-hf[tensorboard]"`, or '
            "`set_tensorboard(False)`."
        )


def tensorboard_of(workspace: Path) -> "TensorBoard | None":
    """What writes there; None if nobody has asked for it."""
    if not options.tensorboard:
        return None
    from inc_hf.tune.tensorboard import TensorBoard

    return TensorBoard(workspace)
