"""Fine-tune, prune, distil and quantize a text classifier with the Trainer of transformers.

    python run_glue.py --output_dir out                                          # MiniLM-L6 on movie reviews from PyPI
    python run_glue.py --model_name_or_path bert-base-uncased --task_name sst2 --output_dir out   # GLUE from the Hub
    python run_glue.py --model_name_or_path dense --train_file train.tsv --validation_file validation.tsv \\
        --target_sparsity 0.8 --distil --learning_rate 2e-4 --warmup_steps 0.05 --num_train_epochs 5 \\
        --per_device_train_batch_size 32 --quantize dynamic --output_dir out     # what docs/train.md recommends
    accelerate launch --multi_gpu --num_processes 2 run_glue.py --use_cpu --output_dir out   # two processes on CPUs

Files are CSV or TSV with a column `label`, numbers from 0 or scores, and the text columns of the task, or `sentence`.
With `--distil` the teacher is the model as it was before training, so it must be fine-tuned. All arguments of
TrainingArguments are taken.
`--multi_gpu` only means several processes to Accelerate, on CPUs as well.
"""

import argparse
import copy
import gc
import sys
from dataclasses import dataclass, field
from pathlib import Path

import datasets
import numpy as np
import torch
from accelerate import PartialState
from torch.utils.data import DataLoader
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    HfArgumentParser,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from inc_hf import IncQuantizer, PostTrainingQuantConfig
from inc_hf.callbacks import DistillationCallback, PruningCallback
from inc_hf.config import DistillationConfig, KnowledgeDistillationLossConfig, WeightPruningConfig
from inc_hf.demo.assets import minilm_directory
from inc_hf.demo.data import load_splits

# Task of GLUE -> its text columns.
TASKS = {
    "cola": ("sentence",),
    "mnli": ("premise", "hypothesis"),
    "mrpc": ("sentence1", "sentence2"),
    "qnli": ("question", "sentence"),
    "qqp": ("question1", "question2"),
    "rte": ("sentence1", "sentence2"),
    "sst2": ("sentence",),
    "stsb": ("sentence1", "sentence2"),
    "wnli": ("sentence1", "sentence2"),
}


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description, and names the defaults."""


@dataclass
class Arguments:
    """What is trained, and how it is made smaller."""

    model_name_or_path: str | None = field(default=None, metadata={"help": "Path or Hub name; default: MiniLM-L6."})
    task_name: str | None = field(default=None, metadata={"help": f"GLUE task: {', '.join(TASKS)}."})
    train_file: str | None = field(default=None, metadata={"help": "CSV or TSV instead of a task."})
    validation_file: str | None = field(default=None, metadata={"help": "CSV or TSV instead of a task."})
    max_length: int = field(default=128, metadata={"help": "Tokens per example; longer ones are cut."})
    max_train_samples: int | None = field(default=None, metadata={"help": "Train on so many examples."})
    target_sparsity: float = field(default=0.0, metadata={"help": "Share of the encoder's weights to prune; 0: none."})
    pattern: str = field(default="4x1", metadata={"help": "What is pruned together, see WeightPruningConfig."})
    pruning_end: float = field(default=0.6, metadata={"help": "Share of the training that prunes."})
    pruning_frequency: int | None = field(
        default=None, metadata={"help": "Steps between updates; default: by length."}
    )
    distil: bool = field(default=False, metadata={"help": "Learn from the model as it was before training."})
    temperature: float = field(default=2.0, metadata={"help": "Of the distillation."})
    quantize: str | None = field(default=None, metadata={"help": "dynamic or static: INT8 after training."})

    def __post_init__(self):
        if (self.train_file is None) != (self.validation_file is None):
            raise ValueError("`--train_file` and `--validation_file` belong together.")
        if self.task_name is not None and self.task_name not in TASKS:
            raise ValueError(f"`--task_name` must be one of {', '.join(TASKS)}, got {self.task_name!r}.")
        if self.quantize not in (None, "dynamic", "static"):
            raise ValueError(f"`--quantize` must be dynamic or static, got {self.quantize!r}.")


def load_data(arguments: Arguments) -> datasets.DatasetDict:
    """`train` and `validation`, with the columns of the task and `label`."""
    if arguments.train_file is not None:
        files = {"train": arguments.train_file, "validation": arguments.validation_file}
        delimiter = "\t" if arguments.train_file.endswith(".tsv") else ","
        quoting = 3 if delimiter == "\t" else 0
        return datasets.load_dataset("csv", data_files=files, delimiter=delimiter, quoting=quoting)
    if arguments.task_name is not None:
        data = datasets.load_dataset("nyu-mll/glue", arguments.task_name)
        suffix = "_matched" if arguments.task_name == "mnli" else ""
        return datasets.DatasetDict(train=data["train"], validation=data[f"validation{suffix}"])
    splits = load_splits(from_hub=False)
    pairs = {"train": splits.train, "validation": splits.held_out}
    return datasets.DatasetDict(
        {
            name: datasets.Dataset.from_dict({"sentence": [t for t, _ in rows], "label": [y for _, y in rows]})
            for name, rows in pairs.items()
        }
    )


def count_labels(data: datasets.DatasetDict, columns: tuple[str, ...]) -> int:
    """How many classes there are; 1 for a score.

    Raises:
        ValueError: a column is missing, or the labels are not scores or 0, 1, 2, ….
    """
    for split, rows in data.items():
        if missing := [column for column in (*columns, "label") if column not in rows.column_names]:
            found = ", ".join(rows.column_names)
            raise ValueError(f"The {split} data has no column {', '.join(missing)}, only {found}.")
    if data["train"].features["label"].dtype.startswith("float"):
        return 1
    labels = sorted({label for rows in data.values() for label in rows["label"]})
    if labels != list(range(len(labels))):
        raise ValueError(f"Labels must be 0, 1, 2, … without gaps, got {', '.join(map(repr, labels[:10]))}.")
    return len(labels)


def load_model(source: str | Path, num_labels: int, must_be_trained: bool) -> PreTrainedModel:
    """The model with so many classes.

    Raises:
        ValueError: its head is new, although it must be trained.
    """
    model, info = AutoModelForSequenceClassification.from_pretrained(
        source, num_labels=num_labels, output_loading_info=True
    )
    if must_be_trained and info["missing_keys"]:
        missing = ", ".join(sorted(info["missing_keys"]))
        raise ValueError(
            f"`--distil` learns from the model as it is, but {source} has no {missing}; fine-tune it first, without "
            "`--distil`, and give the result as `--model_name_or_path`."
        )
    return model


def tokenize(
    data: datasets.DatasetDict, tokenizer: PreTrainedTokenizerBase, columns: tuple[str, ...], max_length: int
) -> datasets.DatasetDict:
    def encode(batch: dict) -> dict:
        return tokenizer(*(batch[column] for column in columns), truncation=True, max_length=max_length)

    unused = [name for name in data["train"].column_names if name != "label"]
    return data.map(encode, batched=True, remove_columns=unused)


def callbacks_of(arguments: Arguments, model: PreTrainedModel) -> list[TrainerCallback]:
    callbacks: list[TrainerCallback] = []
    if arguments.target_sparsity > 0:
        pruning = WeightPruningConfig(
            pattern=arguments.pattern,
            target_sparsity=arguments.target_sparsity,
            start_step=0.05,
            end_step=arguments.pruning_end,
            pruning_frequency=arguments.pruning_frequency,
            sparsity_decay_type="cubic",
            excluded_op_names=["pooler", "classifier"],
        )
        callbacks.append(PruningCallback(pruning))
    if arguments.distil:
        loss = KnowledgeDistillationLossConfig(arguments.temperature, ["CE", "KL"], [0.0, 1.0])
        callbacks.append(DistillationCallback(DistillationConfig(copy.deepcopy(model), loss)))
    return callbacks


def compute_metrics(prediction) -> dict[str, float]:
    scores, labels = prediction.predictions, prediction.label_ids
    if scores.shape[-1] == 1:
        return {"pearson": float(np.corrcoef(scores[:, 0], labels)[0, 1])}
    return {"accuracy": float(np.mean(scores.argmax(-1) == labels))}


@torch.no_grad()
def evaluate(model: PreTrainedModel, trainer: Trainer) -> dict[str, float]:
    """The scores of another model on the data that the Trainer evaluates on, in this process alone."""
    batches = list(DataLoader(trainer.eval_dataset, 32, collate_fn=trainer.data_collator))
    labels = [batch.pop("labels").numpy() for batch in batches]
    scores = [model(**batch).logits.numpy() for batch in batches]
    return compute_metrics(EvalPrediction(np.concatenate(scores), np.concatenate(labels)))


def main() -> None:
    parser = HfArgumentParser((Arguments, TrainingArguments), description=__doc__, formatter_class=Help)
    arguments, training = parser.parse_args_into_dataclasses()
    set_seed(training.seed)
    columns = TASKS.get(arguments.task_name or "", ("sentence",))
    with training.main_process_first(desc="loading and tokenizing"):
        source = arguments.model_name_or_path or minilm_directory()
        data = load_data(arguments)
        num_labels = count_labels(data, columns)
        model = load_model(source, num_labels, must_be_trained=arguments.distil)
        tokenizer = AutoTokenizer.from_pretrained(source)
        data = tokenize(data, tokenizer, columns, arguments.max_length)
    if arguments.max_train_samples is not None:
        size = min(arguments.max_train_samples, len(data["train"]))
        data["train"] = data["train"].shuffle(seed=training.seed).select(range(size))
    trainer = Trainer(
        model,
        training,
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=compute_metrics,
        callbacks=callbacks_of(arguments, model),
    )
    has_checkpoint = Path(training.output_dir).is_dir() and get_last_checkpoint(training.output_dir) is not None
    result = trainer.train(resume_from_checkpoint=has_checkpoint)
    trainer.log_metrics("train", result.metrics)
    trainer.log_metrics("eval", trainer.evaluate())
    trainer.save_model()
    if arguments.quantize is not None and trainer.is_world_process_zero():
        quantizer = IncQuantizer.from_pretrained(training.output_dir, task="text-classification")
        samples = data["train"].select(range(min(100, len(data["train"])))) if arguments.quantize == "static" else None
        config = PostTrainingQuantConfig(approach=arguments.quantize)
        target = Path(training.output_dir) / "int8"
        result = quantizer.quantize(config, target, calibration_dataset=samples, overwrite=True)
        trainer.log_metrics("int8", evaluate(result.model, trainer))
        print(f"INT8 model in {target}", file=sys.stderr)


if __name__ == "__main__":
    main()
    # One of several processes may hang or abort as it ends (pytorch/pytorch#179291), unless the model is gone first.
    gc.collect()
    PartialState().destroy_process_group()
