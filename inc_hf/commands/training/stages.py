"""One training with the Trainer of transformers, which goes on where it was interrupted."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, TrainerCallback, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

from inc_hf.callbacks import DistillationCallback, PruningCallback, QuantizationAwareTrainingCallback
from inc_hf.commands.training.plan import Plan
from inc_hf.commands.training.trainer import OrderedTrainer
from inc_hf.config import QuantizationAwareTrainingConfig
from inc_hf.errors import usage_error_for
from inc_hf.recipe import BATCH, distillation_config, pruning_config, without_embeddings

# Of the last training only: the first one is to give a good model whatever the second one tries.
OF_THE_LAST = (
    "num_train_epochs", "learning_rate", "lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "weight_decay",
)  # fmt: skip
USE_CPU = not torch.cuda.is_available()


def arguments_of(recipe: dict[str, Any], chosen: dict[str, Any], folder: Path, is_last: bool) -> TrainingArguments:
    """The settings of a recipe with those that were chosen over them.

    Raises:
        UsageError: TrainingArguments does not take one of them.
    """
    ours = {
        "per_device_train_batch_size": BATCH,
        "train_sampling_strategy": "group_by_length",
        "logging_steps": 0.05,
        "save_steps": 0.1,
        "save_total_limit": 1,
        "report_to": "none",
        "use_cpu": USE_CPU,
        "disable_tqdm": False,
    }
    chosen = {name: value for name, value in chosen.items() if is_last or name not in OF_THE_LAST}
    with usage_error_for("These settings of the training cannot be"):
        return TrainingArguments(output_dir=str(folder), **{**ours, **recipe, **chosen})


def callbacks_of(model: PreTrainedModel, plan: Plan, teacher: Any, approach: str | None) -> list[TrainerCallback]:
    """One for each part of the plan.

    Args:
        approach (`str`, *optional*): of quantization-aware training, "dynamic" or "static".
    """
    callbacks: list[TrainerCallback] = []
    if plan.pruning is not None:
        callbacks.append(PruningCallback(pruning_config(model, **plan.pruning)))
    if plan.distillation is not None:
        callbacks.append(DistillationCallback(distillation_config(teacher, **plan.distillation)))
    if plan.qat:
        config = QuantizationAwareTrainingConfig.from_dict(plan.quantization)
        callbacks.append(QuantizationAwareTrainingCallback(config, approach or "dynamic"))
    return callbacks


def train(
    model: PreTrainedModel,
    arguments: TrainingArguments,
    samples: list[dict[str, Any]],
    collator: Any,
    callbacks: list[TrainerCallback],
    resume: bool,
) -> dict[str, Any]:
    """Train a model in place; returns what is told of it: steps, epochs, seconds."""
    folder = Path(arguments.output_dir)
    without_embeddings(model)
    trainer = OrderedTrainer(model, arguments, train_dataset=samples, data_collator=collator, callbacks=callbacks)
    checkpoint = get_last_checkpoint(str(folder)) if resume and folder.is_dir() else None
    with redirect_stdout(sys.stderr):  # where the Trainer prints its log
        result = trainer.train(resume_from_checkpoint=checkpoint)
    model.to("cpu").eval()
    return {
        "steps": result.global_step,
        "epochs": round(trainer.state.epoch, 2),
        "seconds": round(result.metrics["train_runtime"], 1),
    }
