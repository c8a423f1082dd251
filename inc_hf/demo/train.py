"""Fine-tuning the demo's model with `Trainer`, and pruning it while it learns from what it was."""

import copy
import hashlib
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainingArguments,
)

from inc_hf.callbacks import DistillationCallback, PruningCallback
from inc_hf.checkpoint import save_checkpoint
from inc_hf.config import (
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    WeightPruningConfig,
)
from inc_hf.config.runtime import cache_dir
from inc_hf.demo.assets import HUB_MODEL, minilm_directory
from inc_hf.demo.data import Examples, Splits

logger = logging.getLogger(__name__)

SETTINGS = {"num_train_epochs": 2, "learning_rate": 2e-4, "per_device_train_batch_size": 32, "warmup_steps": 0.1}
PRUNING_SETTINGS = SETTINGS | {"learning_rate": 3e-4, "warmup_steps": 0.05}
SPARSITY = 0.8
MAX_LENGTH = 64
FROZEN_LAYERS = 2


def fine_tuned_directory(splits: Splits, from_hub: bool, retrain: bool = False) -> Path:
    """The fine-tuned FP32 model, from the cache if it was trained before with the same data and settings."""
    directory = _cached("fp32", [splits.train, SETTINGS, MAX_LENGTH, FROZEN_LAYERS])
    if directory.exists() and not retrain:
        logger.info("Reusing the model fine-tuned before: %s (--retrain trains it anew)", directory)
        return directory
    logger.info("Fine-tuning MiniLM-L6 on %d %s, about 3 minutes on 2 cores", len(splits.train), splits.source)
    fine_tune(HUB_MODEL if from_hub else minilm_directory(), splits.train, directory)
    return directory


def pruned_directory(dense: Path, splits: Splits, retrain: bool = False) -> Path:
    """The model in `dense` with 80 % of the 4x1 blocks of its encoder removed, from the cache if it is there."""
    directory = _cached("sparse", [dense.name, splits.train, PRUNING_SETTINGS, SPARSITY])
    if directory.exists() and not retrain:
        logger.info("Reusing the model pruned before: %s (--retrain prunes it anew)", directory)
        return directory
    logger.info("Pruning %.0f %% of it in 4x1 blocks while it learns from itself, about 4 minutes", 100 * SPARSITY)
    prune(dense, splits.train, directory)
    return directory


def _cached(kind: str, facts: list) -> Path:
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
    return cache_dir() / f"demo-{kind}-{key}"


def fine_tune(source: str | Path, examples: Examples, directory: Path) -> None:
    """Train a sentiment classifier on `examples`, embeddings and lowest layers frozen; save it and its tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForSequenceClassification.from_pretrained(
        source, id2label={0: "negative", 1: "positive"}, label2id={"negative": 0, "positive": 1}
    )
    for frozen in [model.bert.embeddings, *model.bert.encoder.layer[:FROZEN_LAYERS]]:
        frozen.requires_grad_(False)
    train(model, tokenizer, examples, SETTINGS)
    save(model, tokenizer, directory)


def prune(dense: Path, examples: Examples, directory: Path) -> None:
    """Prune the model in `dense` while its hidden states and logits are taught by the model itself as it was."""
    tokenizer = AutoTokenizer.from_pretrained(dense)
    model = AutoModelForSequenceClassification.from_pretrained(dense)
    teacher = copy.deepcopy(model)
    model.bert.embeddings.requires_grad_(False)
    pruning = WeightPruningConfig(
        op_names=[r"encoder\.layer"],
        pattern="4x1",
        target_sparsity=SPARSITY,
        start_step=0.02,
        end_step=0.6,
        pruning_frequency=5,
        sparsity_decay_type="cubic",
    )
    layers = [[(f"bert.encoder.layer.{i}", 0)] for i in range(model.config.num_hidden_layers)]
    criterion = [
        IntermediateLayersKnowledgeDistillationLossConfig(layer_mappings=layers),
        KnowledgeDistillationLossConfig(temperature=2.0, loss_types=["CE", "KL"], loss_weights=[0.0, 1.0]),
    ]
    callbacks = [PruningCallback(pruning), DistillationCallback(DistillationConfig(teacher, criterion))]
    train(model, tokenizer, examples, PRUNING_SETTINGS, callbacks)
    save(model, tokenizer, directory)


def train(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    examples: Examples,
    settings: dict[str, Any],
    callbacks: list[TrainerCallback] | None = None,
) -> None:
    """Train the model with `settings` of TrainingArguments, in place; no checkpoints."""
    dataset = [
        {**tokenizer(text, truncation=True, max_length=MAX_LENGTH), "labels": label} for text, label in examples
    ]
    folder = tempfile.mkdtemp()
    arguments = TrainingArguments(
        output_dir=folder,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        logging_steps=50,
        train_sampling_strategy="group_by_length",
        seed=0,
        **settings,
    )
    collator = DataCollatorWithPadding(tokenizer)
    trainer = Trainer(model, arguments, train_dataset=dataset, data_collator=collator, callbacks=callbacks)
    try:
        trainer.train()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def save(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, directory: Path) -> None:
    def write(target: Path) -> None:
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)

    save_checkpoint(write, directory, overwrite=True)
