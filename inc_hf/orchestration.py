"""Several compressions one after the other, with a checkpoint between them (INC 1.X `Scheduler`)."""

import itertools
import json
import logging
import os
import reprlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn
from transformers import PreTrainedModel, set_seed

from inc_hf.checkpoint import save_checkpoint, write_model
from inc_hf.config.arguments import check_model, check_path
from inc_hf.config.checks import check_int
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.results.base import StandsForModel
from inc_hf.results.compressed import CompressedModel
from inc_hf.runtimes import load_model
from inc_hf.writable import check_writable

logger = logging.getLogger(__name__)

DONE = "stage.json"  # in the checkpoint of each stage
Stage = Callable[[nn.Module, Path | None], Any]


def run_stages(
    model: nn.Module,
    stages: Mapping[str, Stage],
    save_directory: str | os.PathLike | None = None,
    tokenizer: Any = None,
    seed: int = 42,
) -> nn.Module:
    """Run the stages in order, each on the result of the one before, and save a checkpoint after each.

    Called again after it was stopped, it goes on with the first stage that is not done. A stage gets the model and a
    directory of its own, `work`, for what it writes itself, such as the `output_dir` of a Trainer; in there it can
    take up its own checkpoints (`resume_from_checkpoint`). It returns a model, a result that stands for one, such as a
    [`QuantizedModel`], or None if it has changed the model in place.

    Args:
        model (`nn.Module`): where the first stage begins; a `PreTrainedModel` where checkpoints are saved.
        stages (`dict[str, Callable]`): name -> function of the model and a directory.
        save_directory (*optional*): gets one directory per stage, `1-NAME`, `2-NAME`, …. Without one nothing is saved,
            the directory of a stage is None, and every call runs all stages.
        tokenizer (*optional*): a tokenizer or processor to put beside each model.
        seed (`int`, *optional*, defaults to 42): of all random generators, set before each stage.

    Returns:
        `nn.Module`: the last model, as it came from its stage, or loaded if all stages were done.

    Raises:
        ValueError: there are no stages, or the directory has other ones, or it cannot be written.
        TypeError: a stage returns something else than a model.

    Example:

    ```python
    model = run_stages(model, {"prune": prune, "distil": distil, "quantize": quantize}, "out")
    ```
    """
    check_model(model)
    check_int("seed", seed, low=0, high=2**32 - 1)
    if not isinstance(stages, Mapping) or not all(map(callable, stages.values())):
        raise UsageTypeError(f"`stages` must be a dict, {{name: function}}, got {reprlib.repr(stages)}.")
    if not stages:
        raise UsageError("`stages` is empty; give at least one, `{name: function}`.")
    if save_directory is None:
        for name, stage in stages.items():
            logger.info("Stage %s", name)
            set_seed(seed)
            model = _model_of(name, model, stage(model, None), nn.Module)
        return model
    check_path("save_directory", save_directory)
    folders = [Path(save_directory) / f"{i}-{name}" for i, name in enumerate(stages, start=1)]
    check_writable(save_directory)
    _refuse_other_stages(Path(save_directory), folders)
    done = list(itertools.takewhile(lambda folder: (folder / DONE).is_file(), folders))
    if done:
        logger.info("Done before: %s; going on from there.", ", ".join(folder.name for folder in done))
        model = load_model(type(model), done[-1], trust_remote_code=True)  # what a stage wrote
    for i in range(len(done), len(folders)):
        name, folder = list(stages)[i], folders[i]
        logger.info("Stage %d of %d: %s", i + 1, len(folders), name)
        set_seed(seed)
        work = Path(save_directory) / "work" / folder.name
        work.mkdir(parents=True, exist_ok=True)
        model = _model_of(name, model, stages[name](model, work), PreTrainedModel)
        save_checkpoint(lambda directory, m=model, n=name: _write(m, tokenizer, n, directory), folder, overwrite=True)
    return model


def _refuse_other_stages(directory: Path, folders: list[Path]) -> None:
    found = {path.parent for path in directory.glob(f"*-*/{DONE}")}
    if others := sorted(path.name for path in found - set(folders)):
        raise UsageError(
            f"{directory} has the stages {', '.join(others)}, which are not among "
            f"{', '.join(folder.name for folder in folders)}; choose another directory, or remove them."
        )


def _model_of(name: str, before: nn.Module, result: Any, kind: type[nn.Module]) -> nn.Module:
    """The model that a stage returned, or the one before that it has changed."""
    model = result.model if isinstance(result, StandsForModel | CompressedModel) else result
    model = before if model is None else model
    if not isinstance(model, kind):
        raise UsageTypeError(f"The stage {name!r} must return a {kind.__name__} or None, got {type(model).__name__}.")
    return model


def _write(model: PreTrainedModel, tokenizer: Any, name: str, directory: Path) -> None:
    write_model(model, tokenizer, directory)
    (directory / DONE).write_text(json.dumps({"stage": name}) + "\n", encoding="utf-8")
