"""Training the dense models and the pruned ones, each once."""

import argparse
import copy
import math
import shutil
from pathlib import Path

from prune_sst2 import ON_CPU, Augmented
from recipe.data import Split
from recipe.trials import Trial, callbacks_of
from transformers import (
    AutoModelForSequenceClassification,
    DataCollatorWithPadding,
    PreTrainedModel,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from inc_hf.demo.assets import minilm_directory

BATCH = 32
LAST_FILE = "training_args.bin"  # that `save_model` writes: a model without it is not whole
DENSE = {"num_train_epochs": 3, "learning_rate": 1e-4, "warmup_steps": 0.1, "weight_decay": 0.01}


def train(model: PreTrainedModel, folder: Path, split: Split, settings: dict, callbacks=(), collator=None) -> None:
    """Train in place and save to `folder`, from the last checkpoint in it if there is one."""
    model.bert.embeddings.requires_grad_(False)
    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        per_device_train_batch_size=BATCH,
        disable_tqdm=True,
        **ON_CPU,
        **settings,
    )
    collator = collator or DataCollatorWithPadding(split.tokenizer)
    trainer = Trainer(model, arguments, train_dataset=split.train, data_collator=collator, callbacks=list(callbacks))
    has_checkpoint = (folder / "trainer").is_dir() and get_last_checkpoint(folder / "trainer") is not None
    trainer.train(resume_from_checkpoint=has_checkpoint)
    trainer.save_model(str(folder))
    shutil.rmtree(folder / "trainer")


def dense_model(args: argparse.Namespace, seed: int, split: Split) -> PreTrainedModel:
    """Fine-tuned on the sentences of this seed, once."""
    folder = args.output / f"dense-{args.sentences}-{seed}"
    if not (folder / LAST_FILE).is_file():
        set_seed(seed)
        model = AutoModelForSequenceClassification.from_pretrained(minilm_directory(), num_labels=2)
        train(model, folder, split, DENSE | {"seed": seed, "bf16": args.bf16})
    return AutoModelForSequenceClassification.from_pretrained(folder).eval()


def pruned_model(args: argparse.Namespace, folder: Path, trial: Trial, dense: PreTrainedModel, seed, split: Split):
    if not (folder / LAST_FILE).is_file():
        steps = round(args.epochs * math.ceil(len(split.train) / BATCH))
        settings = {"num_train_epochs": args.epochs, **trial.settings(steps)}
        collator = Augmented(split.tokenizer, seed) if trial.augment else None
        callbacks = callbacks_of(trial, dense)
        train(copy.deepcopy(dense), folder, split, settings | {"seed": seed, "bf16": args.bf16}, callbacks, collator)
    return AutoModelForSequenceClassification.from_pretrained(folder).eval()
