"""`fit`: how fast a model is on this machine, beside the float one (INC 2.X `neural_compressor.benchmark`)."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import replace
from numbers import Real
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from inc_hf.benchmark.batches import read_batches, write_batches
from inc_hf.benchmark.conclude import conclude, describe, largest_batch, sizes_of
from inc_hf.benchmark.cores import share_out
from inc_hf.benchmark.function import calls_of, measure_function
from inc_hf.benchmark.groups import running, settings_of, turns_of
from inc_hf.benchmark.measure import Turns
from inc_hf.benchmark.result import BenchmarkResult
from inc_hf.benchmark.tasks import batches_for, on_disk, tasks_of
from inc_hf.checkpoint.plain import is_plain
from inc_hf.config import BenchmarkConfig
from inc_hf.config.aliases import also_called
from inc_hf.config.arguments import check_conf, check_data, check_function
from inc_hf.config.checks import check_int, wrong_type
from inc_hf.errors import UsageError
from inc_hf.models.tasks import check_task
from inc_hf.results.base import StandsForModel
from inc_hf.results.compressed import held_model
from inc_hf.runtimes import BACKENDS

logger = logging.getLogger(__name__)


@also_called(config="conf")
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
    sequence_length: int | None = None,
    trust_remote_code: bool = False,
    progress: bool = True,
) -> BenchmarkResult:
    """Measure `model` beside a float one, in turns, each in processes of its own that are bound to their cores.

    The float model is measured twice: by how much it differs from itself tells how far the rest is to be believed.
    Nothing of the caller's script is executed again, see [`benchmark_with_raw_cmd`] for that.

    Args:
        model: a directory or Hub name of a checkpoint, or a model of transformers, which is saved for its processes. A
            plain module is timed in this process, on the batches of `b_dataloader`; several instances of it, or of
            `b_func`, load it from a pickle, so that its class must be one that they can import.
        conf ([`BenchmarkConfig`], *optional*): instances, cores, warm-up; `iteration` calls instead of `seconds`.
        b_dataloader (*optional*): batches by the names of inputs, as [`inc_hf.models.batches.batches_of`] takes them.
            Without them, `batch_size` random texts of `sequence_length` tokens, or images; by
            default of 128, or of as many as the model takes.
        b_func (`Callable`, *optional*): gets the model and is timed, instead of all else: in this process, or several
            instances of it in processes of their own.
        baseline (*optional*): the float model to compare with; by default one of the same architecture with random
            weights, False for none.
        backend (`str`, *optional*): what runs `model`, as in `IncModelFor….from_pretrained`; over `conf.backend`.
        task (`str`, *optional*): such as "text-classification"; by default what the checkpoint says.
        seconds (`float`): of each model.
        trust_remote_code (`bool`): whether code that lies beside a checkpoint may be executed.

    Raises:
        ValueError: more instances than cores, no batches, an unknown backend, or a model that has no form on disk.
        BenchmarkError: a process ended before its time; the others have been stopped.
    """
    model = held_model(model)
    check_conf(conf, BenchmarkConfig)
    check_data("b_dataloader", b_dataloader)
    check_function("b_func", b_func)
    task = check_task(task)
    conf = BenchmarkConfig() if conf is None else conf
    _check_time(seconds, conf.iteration != -1 or b_dataloader is not None)
    if b_func is not None:
        return measure_function(model, conf, b_func, seconds, progress)
    held = model.model if isinstance(model, StandsForModel) else model
    if isinstance(held, nn.Module) and is_plain(held) and b_dataloader is not None:
        calls = calls_of(held, b_dataloader)
        if conf.num_of_instance == 1:
            logger.warning("A %s is timed in this process, without a float model beside it.", type(held).__name__)
        counted = replace(conf, iteration=_calls(conf, len(calls.batches)))
        return measure_function(held, counted, calls, seconds, progress)
    _check(conf, batch_size, sequence_length)
    backend = _checked(backend or ("torch" if conf.backend == "default" else conf.backend))
    cpus = share_out(conf.num_of_instance, conf.cores_per_instance)
    with tempfile.TemporaryDirectory(prefix="inc_hf_benchmark_") as folder:
        name, backend = on_disk(model, Path(folder) / "model", backend, trust_remote_code)
        batches = Path(folder) / "batches.safetensors"
        inputs = batches_for(name, task, b_dataloader, batch_size, sequence_length, trust_remote_code)
        count = write_batches(inputs, batches)
        models = tasks_of(name, backend, baseline, Path(folder) / "baseline", trust_remote_code)
        trust = {"trust_remote_code": trust_remote_code}
        shared = {"task": task, "batches": str(batches), **trust, **settings_of(conf)}
        tasks = {label: {**shared, **model} for label, model in models.items()}
        with running(tasks, cpus) as groups:
            turns = turns_of(groups, seconds, _calls(conf, None if b_dataloader is None else count), progress)
            return _concluded(groups, turns, conf.model_name, cpus, batches)


def _concluded(groups: dict, turns: Turns, title: str, cpus: list[list[int]], file: Path) -> BenchmarkResult:
    batches = read_batches(file)
    return conclude(groups, turns, describe(title, cpus, sizes_of(batches)), largest_batch(batches))


def _calls(conf: BenchmarkConfig, given: int | None) -> int | None:
    """How many calls are measured: by default each of the `given` batches once; None is for a time, instead."""
    return given if conf.iteration == -1 else conf.iteration


def _check_time(seconds: float, calls_are_counted: bool) -> None:
    if isinstance(seconds, bool) or not isinstance(seconds, Real):
        raise wrong_type("seconds", "a number", seconds)
    if not seconds > 0:
        raise UsageError(f"`seconds` must be larger than 0, got {seconds}.")
    if seconds == float("inf") and not calls_are_counted:
        raise UsageError("`seconds` must be finite, got inf; or say how many calls, with `iteration` (--iterations).")


def _check(conf: BenchmarkConfig, batch_size: int, sequence_length: int | None) -> None:
    check_int("batch_size", batch_size, low=1)
    if sequence_length is not None:
        check_int("sequence_length", sequence_length, low=1)
    if conf.device != "cpu":
        raise UsageError(f"`device` must be 'cpu', got {conf.device!r}; time a function of yours with `b_func`.")
    if conf.diagnosis:
        logger.warning("`diagnosis` has no effect here: no table of operators is written; use torch.profiler.")


def _checked(backend: str) -> str:
    if not isinstance(backend, str) or backend not in BACKENDS:
        raise UsageError(f"`backend` must be one of default, {', '.join(BACKENDS)} here, got {backend!r}.")
    BACKENDS[backend]()  # an ImportError, if it is not installed
    return backend
