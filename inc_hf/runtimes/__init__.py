"""A checkpoint on the runtime that is asked for."""

from inc_hf.runtimes.choose import choose_backend
from inc_hf.runtimes.files import find_files, from_files, from_torch, with_generation_config
from inc_hf.runtimes.ipex import on_ipex
from inc_hf.runtimes.load import BACKENDS, load_model
from inc_hf.runtimes.model import RuntimeModel

__all__ = [
    "BACKENDS",
    "RuntimeModel",
    "choose_backend",
    "find_files",
    "from_files",
    "from_torch",
    "load_model",
    "on_ipex",
    "with_generation_config",
]
