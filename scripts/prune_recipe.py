"""Find a recipe for pruning MiniLM-L6 on SST-2 on a part of the training data, and judge it on the validation set.

    python scripts/prune_recipe.py --data DATA                           # all trials, on 2,000 training sentences
    python scripts/prune_recipe.py --data DATA --trials base --epochs 1 --sparsity 0.5 0.8 0.9     # a short run
    python scripts/prune_recipe.py --data DATA --trials local --seeds 0 1 2 --judge      # on the validation set
    python scripts/prune_recipe.py --data DATA --trials local --seeds 0 1 2 --judge --sentences 67349

For each seed and number of `--sentences` a dense model is fine-tuned: the teacher, and what the pruned ones are
compared with. A run that was stopped goes on where it was; results are lines of `--output`/results.jsonl, and one that
is there is not made again. Without `--judge` nothing looks at the validation set.
"""

import argparse
import copy
import json
import math
import shutil
from pathlib import Path

import torch
from prune_sst2 import Augmented
from recipe.data import Split, load_splits
from recipe.table import render
from recipe.trials import TRIALS, Trial, callbacks_of
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PreTrainedModel,
    Trainer,
    TrainingArguments,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from inc_hf import PostTrainingQuantConfig, optimize, quantization
from inc_hf.demo.assets import minilm_directory

BATCH = 32
LAST_FILE = "training_args.bin"  # that `save_model` writes: a model without it is not whole
MEASURED = ("fp32", "int8", "divergence", "layers")
DENSE = {"num_train_epochs": 3, "learning_rate": 1e-4, "warmup_steps": 0.1, "weight_decay": 0.01}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/glue/sst2"))
    parser.add_argument("--output", type=Path, default=Path("runs/prune-recipe"))
    parser.add_argument("--trials", nargs="*", choices=list(TRIALS), default=list(TRIALS))
    parser.add_argument("--sparsity", nargs="+", type=float, default=[0.8])
    parser.add_argument("--sentences", type=int, default=8551, help="to train on, of 67,349")
    parser.add_argument("--epochs", type=float, default=5)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    parser.add_argument(
        "--judge", action="store_true", help="by the validation set, not by training sentences kept back"
    )
    parser.add_argument("--bf16", action="store_true", help="train in bfloat16 autocast")
    parser.add_argument("--table", type=Path, help="write a table of all results to this file")
    return parser.parse_args()


def train(model: PreTrainedModel, folder: Path, split: Split, settings: dict, callbacks=(), collator=None) -> None:
    """Train in place and save to `folder`, from the last checkpoint in it if there is one."""
    model.bert.embeddings.requires_grad_(False)
    arguments = TrainingArguments(
        output_dir=str(folder / "trainer"),
        per_device_train_batch_size=BATCH,
        train_sampling_strategy="group_by_length",
        save_steps=200,
        save_total_limit=1,
        logging_steps=50,
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
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


@torch.no_grad()
def logits_of(model: PreTrainedModel, split: Split) -> torch.Tensor:
    """Logarithms of the probabilities, of shape `(rows, labels)`."""
    pad = DataCollatorWithPadding(split.tokenizer)
    rows = [{k: v for k, v in row.items() if k != "label"} for row in split.test]
    logits = [model(**pad(rows[i : i + BATCH])).logits for i in range(0, len(rows), BATCH)]
    return torch.cat(logits).log_softmax(-1)


def scores_of(model: PreTrainedModel, dense: PreTrainedModel, split: Split) -> dict[str, float]:
    """Accuracy as it is and as INT8, and the divergence from the dense model, which is less a matter of luck."""
    int8 = optimize(quantization.fit(copy.deepcopy(model), PostTrainingQuantConfig(approach="dynamic")).model)
    labels = torch.tensor([row["label"] for row in split.test])
    found = {name: logits_of(m, split) for name, m in {"fp32": model, "int8": int8, "dense": dense}.items()}
    divergence = torch.nn.functional.kl_div(found["fp32"], found["dense"], log_target=True, reduction="batchmean")
    accuracy = {name: (found[name].argmax(-1) == labels).float().mean().item() for name in ("fp32", "int8")}
    return {**accuracy, "divergence": divergence.item()}


def zeros(model: PreTrainedModel) -> list[float]:
    """Share of zeros of each encoder layer."""
    shares = []
    for layer in model.bert.encoder.layer:
        weights = [m.weight for m in layer.modules() if isinstance(m, torch.nn.Linear)]
        shares.append(sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights))
    return shares


def run(args: argparse.Namespace, results: Path) -> None:
    done = [json.loads(line) for line in results.read_text().splitlines()] if results.is_file() else []
    keys = [{k: v for k, v in line.items() if k not in MEASURED} for line in done]

    def note(key: dict, model: PreTrainedModel) -> None:
        entry = {**key, **scores_of(model, dense, split), "layers": zeros(model)}
        print(json.dumps(entry), flush=True)
        with results.open("a") as file:
            file.write(json.dumps(entry) + "\n")

    for seed in args.seeds:
        split = load_splits(
            args.data, AutoTokenizer.from_pretrained(minilm_directory()), args.sentences, seed, args.judge
        )
        common = {"seed": seed, "sentences": args.sentences, "judge": args.judge}
        dense = dense_model(args, seed, split)
        if (key := {"trial": "dense", "sparsity": 0.0, "epochs": DENSE["num_train_epochs"], **common}) not in keys:
            note(key, dense)
        for name in args.trials:
            for sparsity in args.sparsity:
                key = {"trial": name, "sparsity": sparsity, "epochs": args.epochs, **common}
                if key not in keys:
                    folder = args.output / f"{name}-{sparsity}-{args.epochs:g}-{args.sentences}-{seed}"
                    trial = TRIALS[name].at(sparsity)
                    note(key, pruned_model(args, folder, trial, dense, seed, split))


def main() -> None:
    args = parse_args()
    args.output.mkdir(parents=True, exist_ok=True)
    results = args.output / "results.jsonl"
    run(args, results)
    if args.table:
        args.table.write_text(render([json.loads(line) for line in results.read_text().splitlines()]))


if __name__ == "__main__":
    main()
