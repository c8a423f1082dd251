"""A plain module, or a function of the caller, in several processes at the same time."""

import re
import sys
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from inc_hf.benchmark.conclude import AGAIN, conclude, describe
from inc_hf.benchmark.cores import share_out
from inc_hf.benchmark.groups import running, settings_of, turns_of
from inc_hf.benchmark.result import BenchmarkResult
from inc_hf.config import BenchmarkConfig
from inc_hf.errors import UsageError

WORKER = (sys.executable, "-m", "inc_hf.benchmark.function_worker")
OF_THE_SCRIPT = re.compile(rb"c__main__\n([^\n]+)\n")  # how a pickle names what it cannot carry


def measure_in_processes(
    model: Any, conf: BenchmarkConfig, b_func: Callable[[Any], Any], name: str, seconds: float, progress: bool
) -> BenchmarkResult:
    """Time `b_func(model)` as `conf.num_of_instance` processes, each of which loads both from one pickle.

    Raises:
        ValueError: they cannot be pickled, or are defined in the script itself, which no other process can import.
    """
    cpus = share_out(conf.num_of_instance, conf.cores_per_instance)
    with tempfile.TemporaryDirectory(prefix="inc_hf_benchmark_") as folder:
        file = Path(folder) / "function.pt"
        write_function(model, b_func, file)
        task = {"function": str(file), "path": sys.path, **settings_of(conf)}
        with running({name: task, AGAIN: task}, cpus, WORKER) as groups:
            turns = turns_of(groups, seconds, conf.iteration if conf.iteration > 0 else None, progress)
            return conclude(groups, turns, describe("", cpus, f"calls of {name}"), tokens=0)


def write_function(model: Any, b_func: Callable[[Any], Any], file: Path) -> None:
    """Pickle a model and the function that is called with it."""
    try:
        torch.save((model, b_func), file)
    except Exception as error:  # of whatever the caller's objects hold
        raise _cannot_load(str(error)) from error
    if name := OF_THE_SCRIPT.search(_pickle_in(file)):
        raise _cannot_load(f"`{name[1].decode()}` is defined in the script that runs, which they cannot import")


def _pickle_in(file: Path) -> bytes:
    with zipfile.ZipFile(file) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


def _cannot_load(why: str) -> UsageError:
    return UsageError(
        f"`num_of_instance` is more than 1, and other processes cannot load what is to be timed: {why}. Put it into a "
        "module of its own and import it, take one instance, pass a model of transformers, or run a script several "
        "times with `benchmark_with_raw_cmd`."
    )
