"""Quantization-aware training of MiniLM-L6 on the real GLUE SST-2: against post-training quantization, and with
pruning and distillation in one run against three runs.

    python scripts/finetune_sst2.py --data DATA --output runs/minilm-sst2
    python scripts/qat_sst2.py --data DATA --model runs/minilm-sst2 --output runs/sst2-qat     # benchmarks/sst2_qat
    python scripts/qat_sst2.py --only "W4A8 QAT" --epochs 0.5

A row that is done is not trained again, and one that was stopped goes on where it was. The dense model teaches all
of them. "Three shots" prune and distil first, distil on with the zeros locked, then train to be quantized; each gets
a third of the steps that "one shot" has.
"""

import argparse
import copy
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import prune_sst2
import torch
from bench.machine import describe, write_report
from prune_sst2 import distillation_of, load_data, predict, pruning_of, training_arguments
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    PreTrainedModel,
    Trainer,
    TrainerCallback,
)
from transformers.trainer_utils import get_last_checkpoint

from inc_hf import IncModelForSequenceClassification, PostTrainingQuantConfig, ops, quantization
from inc_hf.callbacks import DistillationCallback, PruningCallback, QuantizationAwareTrainingCallback
from inc_hf.config import QuantizationAwareTrainingConfig
from inc_hf.orchestration import run_stages

PRUNED, LOCKED = prune_sst2.ROWS["4x1 80%"], prune_sst2.ROWS["4x1 80%, longer"]


@dataclass
class Row:
    bits: int
    how: str  # "ptq", "qat", "one shot" or "three shots"


ROWS = {
    "W8A8 PTQ": Row(8, "ptq"),
    "W8A8 QAT": Row(8, "qat"),
    "W4A8 PTQ": Row(4, "ptq"),
    "W4A8 QAT": Row(4, "qat"),
    "80% 4x1 W8A8, one shot": Row(8, "one shot"),
    "80% 4x1 W8A8, three shots": Row(8, "three shots"),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/glue/sst2"))
    parser.add_argument("--model", default="runs/minilm-sst2")
    parser.add_argument("--output", type=Path, default=Path("runs/sst2-qat"))
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--epochs", type=float, default=1, help="of quantization-aware training alone")
    parser.add_argument("--sparse-epochs", type=float, default=3, help="of pruning, distilling and quantizing")
    parser.add_argument("--learning-rate", type=float, default=1e-4)
    parser.add_argument("--decay", type=float, default=0.4, help="last share of a run, with a falling learning rate")
    parser.add_argument("--sentences", type=int, help="train on so many, default: all 67,349")
    parser.add_argument("--bf16", action="store_true", help="train in bfloat16 autocast")
    parser.add_argument("--table", type=Path, default=Path("benchmarks/sst2_qat"), help="path of the .md and .json")
    parser.add_argument("--note", help="a line for the table, such as what else the machine did")
    return parser.parse_args()


class Training:
    """Runs of the Trainer with the dense model as teacher."""

    def __init__(self, args: argparse.Namespace, dense: PreTrainedModel, tokenizer, data):
        self.args, self.dense, self.tokenizer, self.data = args, dense, tokenizer, data

    def pruning(self) -> PruningCallback:
        return PruningCallback(pruning_of(PRUNED))

    def locked(self) -> PruningCallback:
        return PruningCallback(pruning_of(LOCKED))

    def qat(self, bits: int) -> QuantizationAwareTrainingCallback:
        weights = {"Linear": {"weight": {"bits": bits}}}
        return QuantizationAwareTrainingCallback(QuantizationAwareTrainingConfig(op_type_dict=weights))

    def run(self, model: PreTrainedModel, folder: Path, epochs: float, callbacks: list[TrainerCallback]) -> None:
        """Train the model in place."""
        model.bert.embeddings.requires_grad_(False)
        args, sentences = self.args, self.data["train"]
        trainer = Trainer(
            model,
            training_arguments(folder, len(sentences), epochs, args.learning_rate, args.decay, bf16=args.bf16),
            train_dataset=sentences,
            data_collator=DataCollatorWithPadding(self.tokenizer),
            callbacks=[*callbacks, DistillationCallback(distillation_of(self.dense))],
        )
        has_checkpoint = folder.is_dir() and get_last_checkpoint(folder) is not None
        trainer.train(resume_from_checkpoint=has_checkpoint)

    def stages(self, row: Row) -> dict[str, Callable]:
        """What `run_stages` is to do for a row."""
        epochs, each = self.args.sparse_epochs, self.args.sparse_epochs / 3
        if row.how == "ptq":
            weights = {"Linear": {"weight": {"bits": row.bits}}}
            config = PostTrainingQuantConfig(approach="dynamic", op_type_dict=weights)
            return {"quantize": lambda model, _: quantization.fit(model, config)}
        if row.how == "qat":
            return {"qat": lambda model, folder: self.run(model, folder, self.args.epochs, [self.qat(row.bits)])}
        if row.how == "one shot":
            together = [self.pruning(), self.qat(row.bits)]
            return {"all": lambda model, folder: self.run(model, folder, epochs, together)}
        return {
            "prune": lambda model, folder: self.run(model, folder, each, [self.pruning()]),
            "distil": lambda model, folder: self.run(model, folder, each, [self.locked()]),
            "qat": lambda model, folder: self.run(model, folder, each, [self.locked(), self.qat(row.bits)]),
        }

    def train(self, name: str) -> None:
        directory = self.args.output / directory_name(name)
        if (directory / "row.json").is_file():
            return
        start = time.perf_counter()
        run_stages(copy.deepcopy(self.dense), self.stages(ROWS[name]), directory, self.tokenizer)
        found = {"name": name, **asdict(ROWS[name]), "minutes": round((time.perf_counter() - start) / 60, 1)}
        (directory / "row.json").write_text(json.dumps(found) + "\n")


def directory_name(name: str) -> str:
    return name.replace("%", "").replace(",", "").replace(" ", "-")


def evaluate(args: argparse.Namespace, dense: PreTrainedModel, tokenizer, data) -> list[dict]:
    labels = torch.tensor(data["label"])
    expected = predict(dense.eval(), data, tokenizer)
    entries = [{"name": "dense FP32", "accuracy": (expected == labels).float().mean().item(), "equal": 1.0}]
    for name in ROWS:
        directory = args.output / directory_name(name)
        if not (directory / "row.json").is_file():
            continue
        last = max(path.parent for path in directory.glob("*-*/stage.json"))
        predicted = predict(IncModelForSequenceClassification.from_pretrained(last), data, tokenizer)
        scores = {k: (predicted == v).float().mean().item() for k, v in (("accuracy", labels), ("equal", expected))}
        entries.append(
            {"name": name, **scores, "minutes": json.loads((directory / "row.json").read_text())["minutes"]}
        )
    return entries


def render(about: dict[str, str], entries: list[dict]) -> str:
    lines = ["# Quantization-aware training: MiniLM-L6 on GLUE SST-2 validation (872 sentences)", ""]
    lines += [f"- {key}: {value}" for key, value in about.items()]
    lines += ["", "Loss: relative to the dense FP32 model. Equal: share of predictions that are those of that model."]
    lines += ["Minutes of training, if it was not stopped in between.", ""]
    lines += ["| model | accuracy | loss | equal | minutes |", "| --- | --- | --- | --- | --- |"]
    for e in entries:
        loss = 1 - e["accuracy"] / entries[0]["accuracy"]
        cells = [e["name"], f"{e['accuracy']:.2%}", f"{loss:.2%}", f"{e['equal']:.2%}", f"{e.get('minutes', '–')}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    args = parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    dense = AutoModelForSequenceClassification.from_pretrained(args.model)
    data = load_data(args, tokenizer)
    training = Training(args, dense, tokenizer, data)
    for name in args.only:
        training.train(name)
    entries = evaluate(args, dense, tokenizer, data["validation"])
    epochs = ["--epochs", f"{args.epochs:g}", "--sparse-epochs", f"{args.sparse_epochs:g}"]
    about = describe([ops.isa()], None, ["python scripts/qat_sst2.py", *epochs, *["--bf16"] * args.bf16])
    about |= {"note": args.note} if args.note else {}
    write_report(args.table, json.dumps({"about": about, "entries": entries}, indent=1) + "\n", render(about, entries))


if __name__ == "__main__":
    main()
