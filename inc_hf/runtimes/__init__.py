"""Models on other runtimes than torch."""

from inc_hf.runtimes.choose import choose_backend
from inc_hf.runtimes.ipex import on_ipex
from inc_hf.runtimes.load import find_files, from_files, from_torch, with_generation_config
from inc_hf.runtimes.model import RuntimeModel

__all__ = [
    "RuntimeModel",
    "choose_backend",
    "find_files",
    "from_files",
    "from_torch",
    "on_ipex",
    "with_generation_config",
]
