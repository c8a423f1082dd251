"""What the processes of a benchmark load, and the batches that they run."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, PreTrainedModel

from inc_hf.benchmark.batches import Batch
from inc_hf.benchmark.conclude import AGAIN
from inc_hf.benchmark.model_worker import FLOAT
from inc_hf.checkpoint.header import WEIGHTS
from inc_hf.checkpoint.plain import is_plain
from inc_hf.config.arguments import check_place
from inc_hf.errors import UsageError, usage_error_for
from inc_hf.models.batches import batches_of
from inc_hf.models.inputs import random_batch
from inc_hf.models.limits import text_limit
from inc_hf.models.source import source_of
from inc_hf.models.tasks import auto_class_of, check_is_for, model_class_of
from inc_hf.results.base import StandsForModel
from inc_hf.runtimes import RuntimeModel

LENGTH = 128  # tokens of a text, unless the model takes fewer
TWIN = "FP32, random weights"


def on_disk(model: Any, folder: Path, backend: str, trusts: bool = False) -> tuple[str, str]:
    """Where a process finds the model, and what runs it there."""
    if isinstance(model, RuntimeModel):
        backend = model.backend
    elif isinstance(model, str | os.PathLike):
        check_place("model", model)
        hub = source_of(model, trusts)
        if backend == "torch":
            _check_weights(Path(model))
        with usage_error_for(f"{model} cannot be read"):
            AutoConfig.from_pretrained(model, **hub)
        return os.fspath(model), backend
    elif not isinstance(model, PreTrainedModel) and (not isinstance(model, StandsForModel) or is_plain(model.model)):
        raise UsageError(
            f"A {type(model).__name__} has no form on disk that a process could load; pass `b_dataloader` or "
            "`b_func`, to time it in this process, or a model of transformers."
        )
    model.save_pretrained(folder)
    return str(folder), backend


def _check_weights(directory: Path) -> None:
    """Raise ValueError for a directory without what torch loads, before a process looks for it."""
    if directory.is_dir() and not any(path for name in WEIGHTS for path in directory.glob(name)):
        raise UsageError(f"{directory} has no weights for torch, {' or '.join(WEIGHTS)}.")


def batches_for(
    name: str, task: str | None, data: Any, batch_size: int, length: int | None, trusts: bool = False
) -> Iterable[Batch]:
    """Those of the caller, or one of random inputs, for a checkpoint that is not loaded.

    Raises:
        ValueError: there is no such model, or the data does not fit it.
    """
    hub = source_of(name, trusts)
    with usage_error_for(f"{name} cannot be read"):
        check_is_for(task, name, **hub)
        model = _without_weights(name, task, hub)
    if data is not None:
        return batches_of(data, model, batch_size=batch_size, keep_labels=False)
    limit = text_limit(model)
    if length is None:
        length = min(LENGTH, limit or LENGTH)
    if limit is not None and length > limit and model.main_input_name == "input_ids":
        raise UsageError(
            f"`sequence_length` (--seq) must be at most {limit}, the tokens that {name} takes, got {length}."
        )
    with torch.device("cpu"):
        return [random_batch(model, batch_size, length)]


def _without_weights(name: str, task: str | None, hub: dict[str, Any]) -> PreTrainedModel:
    config = AutoConfig.from_pretrained(name, **hub)
    model_class = model_class_of(auto_class_of(name, task, **hub), config, hub["trust_remote_code"])
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    with torch.device("meta"):
        return model_class(config)


def tasks_of(name: str, backend: str, baseline: Any, folder: Path, trusts: bool = False) -> dict[str, dict[str, Any]]:
    """Label -> what a process is to load; what the others are compared with comes first."""
    own = {"model": name, "backend": backend, "kind": "checkpoint"}
    label = f"{Path(name).name} on {backend}"
    if baseline is False:
        return {label: own, AGAIN: own}
    if baseline is True:
        twin = {**own, "backend": "torch", "kind": FLOAT}
        return {TWIN: twin, AGAIN: twin, label: own}
    path, _ = on_disk(baseline, folder, "torch", trusts)
    float_task = {**own, "model": path, "backend": "torch"}
    return {f"{Path(path).name} (baseline)": float_task, AGAIN: float_task, label: own}
