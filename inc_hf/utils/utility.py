"""INC 2.X's `neural_compressor.utils.utility`, as far as scripts use it."""

import importlib
import importlib.util
import operator
from collections.abc import Callable
from typing import Any

from packaging.version import Version

from inc_hf.config import set_random_seed, set_resume_from, set_tensorboard, set_workspace
from inc_hf.config.dotdict import DotDict
from inc_hf.config.elsewhere import TENSORFLOW, elsewhere
from inc_hf.utils.cpu import CpuInfo
from inc_hf.utils.decorators import alias_param, dump_elapsed_time, singleton, time_limit
from inc_hf.utils.tables import Statistics, print_table

HISTORY = (
    "`history.json` in the workspace has the trials; `set_resume_from` goes on from them, and "
    '`fit(model, DeployConfig.from_json_file("workspace/deploy.json", trial=1))` makes one again'
)

__all__ = [
    "CpuInfo",
    "DotDict",
    "LazyImport",
    "Statistics",
    "alias_param",
    "compute_sparsity",
    "dump_elapsed_time",
    "equal_dicts",
    "get_size",
    "get_tuning_history",
    "print_table",
    "recover",
    "set_backend",
    "set_random_seed",
    "set_resume_from",
    "set_tensorboard",
    "set_workspace",
    "singleton",
    "time_limit",
    "version1_eq_version2",
    "version1_gt_version2",
    "version1_gte_version2",
    "version1_lt_version2",
    "version1_lte_version2",
]

recover = elsewhere("recover", HISTORY)
get_tuning_history = elsewhere("get_tuning_history", HISTORY)
get_size = elsewhere("get_size", f"it measured graphs of TensorFlow, and {TENSORFLOW}")
set_backend = elsewhere("set_backend", "the backend is a field of the config, `PostTrainingQuantConfig(backend=...)`")


class LazyImport:
    """A module that is imported when one of its attributes is asked for: `torch = LazyImport("torch")`."""

    def __init__(self, module_name: str):
        self.module_name = module_name

    def __getattr__(self, name: str) -> Any:
        module = importlib.import_module(self.module_name)
        part = f"{self.module_name}.{name}"
        if not hasattr(module, name) and hasattr(module, "__path__") and importlib.util.find_spec(part) is not None:
            return importlib.import_module(part)  # a part of a package, which nobody has imported yet
        return getattr(module, name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call what is named `module.attribute`."""
        module, _, name = self.module_name.rpartition(".")
        return getattr(importlib.import_module(module), name)(*args, **kwargs)


def _compares(by: Callable[[Version, Version], bool]) -> Callable[[Any, Any], bool]:
    return lambda version1, version2: by(Version(str(version1)), Version(str(version2)))


version1_eq_version2 = _compares(operator.eq)
version1_gt_version2 = _compares(operator.gt)
version1_gte_version2 = _compares(operator.ge)
version1_lt_version2 = _compares(operator.lt)
version1_lte_version2 = _compares(operator.le)


def compute_sparsity(tensor: Any) -> tuple[int, int, int]:
    """How many elements an array or a tensor has, how many are zero, and how many are not."""
    total = int(tensor.size) if isinstance(tensor.size, int) else tensor.numel()
    others = int((tensor != 0).sum())
    return total, total - others, others


def equal_dicts(d1: dict, d2: dict, compare_keys: Any = None, ignore_keys: Any = None) -> bool:
    """Whether two dicts are the same in `compare_keys`, or in all but `ignore_keys`."""
    keys = set(compare_keys) if compare_keys is not None else (set(d1) | set(d2)) - set(ignore_keys or ())
    return all(key in d1 and key in d2 and d1[key] == d2[key] for key in keys)
