"""Fine-tuning the demo's model with `Trainer`."""

import hashlib
import json
import logging
import shutil
import tempfile
from pathlib import Path

from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)

from inc_hf.checkpoint import save_checkpoint
from inc_hf.demo.assets import HUB_MODEL, cache_dir, minilm_directory
from inc_hf.demo.data import Examples, Splits

logger = logging.getLogger(__name__)

SETTINGS = {"num_train_epochs": 2, "learning_rate": 2e-4, "per_device_train_batch_size": 32, "warmup_steps": 0.1}
MAX_LENGTH = 64
FROZEN_LAYERS = 2


def fine_tuned_directory(splits: Splits, from_hub: bool, retrain: bool = False) -> Path:
    """The fine-tuned FP32 model, from the cache if it was trained before with the same data and settings."""
    key = hashlib.sha256(json.dumps([splits.train, SETTINGS, MAX_LENGTH, FROZEN_LAYERS]).encode()).hexdigest()[:12]
    directory = cache_dir() / f"demo-fp32-{key}"
    if directory.exists() and not retrain:
        logger.info("Reusing the model fine-tuned before: %s (--retrain trains it anew)", directory)
        return directory
    logger.info("Fine-tuning MiniLM-L6 on %d %s, about 3 minutes on 2 cores", len(splits.train), splits.source)
    fine_tune(HUB_MODEL if from_hub else minilm_directory(), splits.train, directory)
    return directory


def fine_tune(source: str | Path, examples: Examples, directory: Path) -> None:
    """Train a sentiment classifier on `examples`, embeddings and lowest layers frozen; save it and its tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(source)
    model = AutoModelForSequenceClassification.from_pretrained(
        source, id2label={0: "negative", 1: "positive"}, label2id={"negative": 0, "positive": 1}
    )
    for frozen in [model.bert.embeddings, *model.bert.encoder.layer[:FROZEN_LAYERS]]:
        frozen.requires_grad_(False)
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
        **SETTINGS,
    )
    trainer = Trainer(model, arguments, train_dataset=dataset, data_collator=DataCollatorWithPadding(tokenizer))
    try:
        trainer.train()
    finally:
        shutil.rmtree(folder, ignore_errors=True)

    def write(target: Path) -> None:
        model.save_pretrained(target)
        tokenizer.save_pretrained(target)

    save_checkpoint(write, directory, overwrite=True)
