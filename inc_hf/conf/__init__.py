"""INC's `neural_compressor.conf`."""

from typing import Any

SECTIONS = ("quantization", "pruning", "distillation", "mixed_precision", "tuning", "evaluation", "usr_cfg")


def __getattr__(name: str) -> Any:
    if name in SECTIONS:  # of 1.X, where `from neural_compressor import conf` was an object
        raise AttributeError(
            f"`inc_hf.conf` is a package; the object of INC 1.X is `inc_hf.conf.config.conf` ({name})."
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
