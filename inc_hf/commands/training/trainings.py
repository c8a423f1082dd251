"""The trainings of a job: of a new head, and the one that compresses."""

import argparse
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, set_seed

from inc_hf.checkpoint import save_checkpoint, write_model
from inc_hf.commands import processes
from inc_hf.commands.loading import load_model, loading
from inc_hf.commands.training import stages
from inc_hf.commands.training.arguments import SEED
from inc_hf.commands.training.data import Data, collator_of, tokens_of
from inc_hf.commands.training.head import Head
from inc_hf.commands.training.plan import Plan
from inc_hf.commands.training.result import Made
from inc_hf.models.source import source_of
from inc_hf.models.tasks import auto_class_of
from inc_hf.recipe import COMPRESSION, FINE_TUNING, ROUNDING, epochs_of

logger = logging.getLogger(__name__)

DENSE, LAST = "1-dense", "2-compressed"


@dataclass
class Job:
    """All that is known before the training."""

    name: str
    args: argparse.Namespace
    plan: Plan
    place: Path
    data: Data
    head: Head
    told: dict[str, dict[str, Any]] = field(default_factory=dict)  # training -> steps, epochs, seconds

    @property
    def fine_tunes(self) -> bool:
        """Whether there is a training before the last one: nothing can be pruned that knows nothing."""
        return self.head.is_new and (self.plan.pruning is not None or self.plan.qat)


def train(job: Job) -> Made:
    """The model after all trainings, each of which goes on where it was interrupted."""
    samples = tokens_of(job.data.train, job.head.outline, job.data.tokenizer, job.args)
    dense = job.name if not job.head.is_new else None
    if job.fine_tunes:
        dense = str(_fine_tuned(job, samples))
    model = _loaded(job, dense)
    recipe = _recipe_of(job, len(samples))
    arguments = stages.arguments_of(recipe, job.plan.training, job.place / LAST, is_last=True)
    teacher = job.plan.teacher or (_loaded(job, dense) if job.plan.distillation is not None and dense else None)
    callbacks = stages.callbacks_of(model, job.plan, teacher, job.args.approach)
    logger.info("%s: %d samples", _in_words(job), len(samples))
    collator = collator_of(model, job.data.tokenizer)
    job.told["last"] = stages.train(model, arguments, samples, collator, callbacks, job.args.resume)
    return Made(model, job.name, dense, callbacks, job.told, job.plan.pruning is not None)


def _fine_tuned(job: Job, samples: list[dict[str, Any]]) -> Path:
    """The directory with the model that has learned its new head, made if it is not there."""
    saved = job.place / DENSE / "model"
    if not (saved / "config.json").is_file():
        logger.info("The head of %s is new: it is fine-tuned first", job.name)
        model = _loaded(job, None)
        folder = job.place / DENSE / "checkpoints"
        arguments = stages.arguments_of(FINE_TUNING, job.plan.training, folder, is_last=False)
        collator = collator_of(model, job.data.tokenizer)
        job.told["fine-tuning"] = stages.train(model, arguments, samples, collator, [], job.args.resume)
        if processes.is_main():
            save_checkpoint(lambda directory: write_model(model, job.data.tokenizer, directory), saved)
    processes.wait()
    return saved


def _loaded(job: Job, dense: str | None) -> PreTrainedModel:
    """The model of a checkpoint with the head that the data needs, in float32; or MODEL with a new head."""
    set_seed(job.plan.training.get("seed", SEED))  # new weights are the same in each process, and in each run
    trusts, task = job.args.trust_remote_code, job.args.task
    if dense is None:
        hub = source_of(job.name, trusts)
        with loading(job.name):
            auto_class = auto_class_of(job.name, task, **hub)
            model = auto_class.from_pretrained(job.name, config=job.head.config, dtype=torch.float32, **hub)
    else:
        model = load_model(dense, task, trusts, dtype=torch.float32)
    model.config.name_or_path = model.name_or_path = job.name  # not the workspace, which goes
    return model


def _recipe_of(job: Job, samples: int) -> dict[str, Any]:
    plan = job.plan
    if plan.pruning is None and plan.qat:
        return ROUNDING
    if not plan.compresses or (job.head.is_new and plan.pruning is None):
        epochs = {"num_train_epochs": epochs_of(samples)} if plan.compresses else {}
        return FINE_TUNING | epochs
    return COMPRESSION | {"num_train_epochs": epochs_of(samples)}


def _in_words(job: Job) -> str:
    plan = job.plan
    done = {
        "prune": plan.pruning is not None,
        "distil": plan.distillation is not None,
        "train for INT8": plan.qat,
        "fine-tune": not plan.compresses,
    }
    return ", ".join(word for word, is_done in done.items() if is_done).capitalize()
