"""`fit`: how fast a model is on this machine, beside the float one (INC 2.X `neural_compressor.benchmark`)."""

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm.auto import tqdm
from transformers import AutoConfig, PreTrainedModel

from inc_hf.benchmark.batches import Batch, read_batches, write_batches
from inc_hf.benchmark.conclude import AGAIN, conclude, describe
from inc_hf.benchmark.cores import share_out
from inc_hf.benchmark.function import measure_function
from inc_hf.benchmark.instances import Instance, started
from inc_hf.benchmark.measure import Turns, take_turns
from inc_hf.benchmark.model_worker import FLOAT
from inc_hf.benchmark.result import BenchmarkResult
from inc_hf.config import BenchmarkConfig
from inc_hf.errors import UsageError
from inc_hf.models.batches import batches_of
from inc_hf.models.inputs import random_batch
from inc_hf.models.tasks import auto_class_of, model_class_of
from inc_hf.results.base import StandsForModel
from inc_hf.runtimes import BACKENDS, RuntimeModel

logger = logging.getLogger(__name__)

TWIN = "FP32, random weights"


def fit(
    model: str | os.PathLike | nn.Module | StandsForModel,
    conf: BenchmarkConfig | None = None,
    b_dataloader: Iterable | None = None,
    b_func: Callable[[Any], Any] | None = None,
    *,
    baseline: str | os.PathLike | PreTrainedModel | bool = True,
    backend: str | None = None,
    task: str | None = None,
    seconds: float = 10.0,
    batch_size: int = 1,
    sequence_length: int = 128,
    progress: bool = True,
) -> BenchmarkResult:
    """Measure `model` beside a float one, in turns, each in processes of its own that are bound to their cores.

    The float model is measured twice: by how much it differs from itself tells how far the rest is to be believed.
    Nothing of the caller's script is executed again, see [`benchmark_with_raw_cmd`] for that.

    Args:
        model: a directory or Hub name of a checkpoint, or a model of transformers, which is saved for its processes.
        conf ([`BenchmarkConfig`], *optional*): instances, cores, warm-up; `iteration` calls instead of `seconds`.
        b_dataloader (*optional*): batches by the names of inputs, as [`inc_hf.models.batches.batches_of`] takes them.
            Without them, `batch_size` random texts of `sequence_length` tokens, or images.
        b_func (`Callable`, *optional*): gets the model and is timed in this process, instead of all else.
        baseline (*optional*): the float model to compare with; by default one of the same architecture with random
            weights, False for none.
        backend (`str`, *optional*): what runs `model`, as in `IncModelFor….from_pretrained`; over `conf.backend`.
        task (`str`, *optional*): such as "text-classification"; by default what the checkpoint says.
        seconds (`float`): of each model.

    Raises:
        ValueError: more instances than cores, no batches, an unknown backend, or a model that has no form on disk.
        BenchmarkError: a process ended before its time; the others have been stopped.
    """
    conf = BenchmarkConfig() if conf is None else conf
    if not seconds > 0:
        raise UsageError(f"`seconds` must be larger than 0, got {seconds}.")
    if b_func is not None:
        return measure_function(model, conf, b_func, seconds)
    _check(conf)
    backend = _checked(backend or ("torch" if conf.backend == "default" else conf.backend))
    cpus = share_out(conf.num_of_instance, conf.cores_per_instance)
    with tempfile.TemporaryDirectory(prefix="inc_hf_benchmark_") as folder:
        name, backend = _on_disk(model, Path(folder) / "model", backend)
        batches = _batches(name, task, b_dataloader, batch_size, sequence_length)
        file = Path(folder) / "batches.safetensors"
        count = write_batches(batches, file)
        common = {"task": task, "batches": str(file), "warmup": conf.warmup, "threads": conf.intra_num_of_threads}
        common["inter_threads"] = conf.inter_num_of_threads
        tasks = _tasks(name, backend, baseline, Path(folder) / "baseline")
        tasks = {label: {**common, **own} for label, own in tasks.items()}
        calls = None if conf.iteration == -1 and b_dataloader is None else conf.iteration
        calls = count if calls == -1 else calls
        with _running(tasks, cpus) as groups:
            turns = _turns(groups, seconds, calls, progress)
            batches = read_batches(file)
            return conclude(groups, turns, describe(conf.model_name, cpus, batches), batches)


def _check(conf: BenchmarkConfig) -> None:
    if conf.device != "cpu":
        raise UsageError(f"`device` must be 'cpu', got {conf.device!r}; time a function of yours with `b_func`.")
    if conf.diagnosis:
        logger.warning("`diagnosis` has no effect here: no table of operators is written; use torch.profiler.")


def _checked(backend: str) -> str:
    if backend not in BACKENDS:
        raise UsageError(f"`backend` must be one of default, {', '.join(BACKENDS)} here, got {backend!r}.")
    BACKENDS[backend]()  # an ImportError, if it is not installed
    return backend


def _on_disk(model: Any, folder: Path, backend: str) -> tuple[str, str]:
    """Where a process finds the model, and what runs it there."""
    if isinstance(model, RuntimeModel):
        backend = model.backend
    elif isinstance(model, str | os.PathLike):
        return os.fspath(model), backend
    elif not isinstance(model, PreTrainedModel | StandsForModel):
        raise UsageError(
            f"A {type(model).__name__} has no form on disk that a process could load; pass `b_func`, which is timed "
            "in this process, or a model of transformers."
        )
    model.save_pretrained(folder)
    return str(folder), backend


def _batches(name: str, task: str | None, data: Any, batch_size: int, length: int) -> Iterable[Batch]:
    model_class = model_class_of(auto_class_of(name, task), config := AutoConfig.from_pretrained(name))
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        model = model_class(config)
    if data is not None:
        return batches_of(data, model, batch_size=batch_size, keep_labels=False)
    with torch.device("cpu"):
        return [random_batch(model, batch_size, length)]


def _tasks(name: str, backend: str, baseline: Any, folder: Path) -> dict[str, dict[str, Any]]:
    """Label -> what a process is to load; what the others are compared with comes first."""
    own = {"model": name, "backend": backend, "kind": "checkpoint"}
    label = f"{Path(name).name} on {backend}"
    if baseline is False:
        return {label: own, AGAIN: own}
    if baseline is True:
        twin = {**own, "backend": "torch", "kind": FLOAT}
        return {TWIN: twin, AGAIN: twin, label: own}
    path, _ = _on_disk(baseline, folder, "torch")
    float_task = {**own, "model": path, "backend": "torch"}
    return {f"{Path(path).name} (baseline)": float_task, AGAIN: float_task, label: own}


@contextlib.contextmanager
def _running(tasks: dict[str, dict], cpus: list[list[int]]) -> Iterator[dict[str, list[Instance]]]:
    """The processes of all models; those of one load at the same time, the next model after them."""
    with contextlib.ExitStack() as stack:
        groups = {}
        for label, task in tasks.items():
            many = len(cpus) > 1
            instances = [
                Instance(f"{label}, instance {i}" if many else label, task, each) for i, each in enumerate(cpus)
            ]
            groups[label] = stack.enter_context(started(instances))
        yield groups


def _turns(groups: dict, seconds: float, calls: int | None, progress: bool) -> Turns:
    with tqdm(total=100, desc="Measuring", unit="%", disable=not progress, leave=False) as bar:
        return take_turns(groups, seconds, calls, on_round=lambda share: bar.update(round(100 * share) - bar.n))
