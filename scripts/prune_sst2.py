"""Prune the fine-tuned MiniLM-L6 on the real GLUE SST-2, distilling from the dense model itself; then INT8.

    python scripts/finetune_sst2.py --data DATA --output runs/minilm-sst2
    python scripts/prune_sst2.py --data DATA --model runs/minilm-sst2 --output runs/sst2-sparse
    python scripts/prune_sst2.py --only "4x1 80%" --epochs 1        # one row; --epochs shortens every row
    python scripts/prune_sst2.py --table benchmarks/sst2_sparse     # only write the table of what is there

Each row of `ROWS` is a training run of its own, below `--output`; a run that was stopped goes on where it was. One
epoch takes about 20 minutes on 2 cores. The recipe is that of INC's examples: the dense model is the teacher, its
hidden states and logits are the only loss, and the last part of the run prunes no more.
"""

import argparse
import copy
import dataclasses
import datetime
import json
import os
from pathlib import Path

import datasets
import numpy as np
import torch
import transformers
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    Trainer,
    TrainingArguments,
)
from transformers.trainer_utils import get_last_checkpoint

import inc_hf
from inc_hf import PostTrainingQuantConfig, optimize, quantization
from inc_hf.callbacks import DistillationCallback, PruningCallback
from inc_hf.config import (
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    WeightPruningConfig,
)


@dataclasses.dataclass
class Row:
    """A way to prune all Linear layers of the encoder."""

    pattern: str
    sparsity: float
    distil: bool = True


ROWS = {
    "4x1 80%": Row("4x1", 0.8),
    "4x1 90%": Row("4x1", 0.9),
    "4x1 80% without distillation": Row("4x1", 0.8, distil=False),
    "unstructured 80%": Row("1x1", 0.8),
    "2:4": Row("2:4", 0.5),
    "channels 50%": Row("channelx1", 0.5),
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/glue/sst2"))
    parser.add_argument("--model", default="runs/minilm-sst2")
    parser.add_argument("--output", type=Path, default=Path("runs/sst2-sparse"))
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--epochs", type=float, default=4)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--sentences", type=int, help="train on so many, default: all 67,349")
    parser.add_argument("--table", type=Path, help="only evaluate what is there, and write TABLE.md and TABLE.json")
    return parser.parse_args()


def load_data(args: argparse.Namespace, tokenizer) -> datasets.DatasetDict:
    files = {split: str(args.data / f"{split}.tsv") for split in ("train", "validation")}
    data = datasets.load_dataset("csv", data_files=files, delimiter="\t", quoting=3)
    data = data.map(lambda batch: tokenizer(batch["sentence"], truncation=True, max_length=128), batched=True)
    if args.sentences:
        data["train"] = data["train"].shuffle(seed=0).select(range(args.sentences))
    return data


def callbacks_of(row: Row, dense: torch.nn.Module) -> list[transformers.TrainerCallback]:
    pruning = WeightPruningConfig(
        op_names=[r"encoder\.layer"],
        pattern=row.pattern,
        target_sparsity=row.sparsity,
        start_step=0.02,
        end_step=0.6,
        pruning_frequency=25,
        sparsity_decay_type="cubic",
    )
    if not row.distil:
        return [PruningCallback(pruning)]
    last = f"bert.encoder.layer.{dense.config.num_hidden_layers - 1}"
    criterion = [
        IntermediateLayersKnowledgeDistillationLossConfig(layer_mappings=[[(last, 0)]]),
        KnowledgeDistillationLossConfig(temperature=2.0, loss_types=["CE", "KL"], loss_weights=[0.0, 1.0]),
    ]
    return [PruningCallback(pruning), DistillationCallback(DistillationConfig(dense, criterion))]


def train(args: argparse.Namespace, name: str, dense: torch.nn.Module, tokenizer, data) -> None:
    directory = args.output / name.replace(" ", "-").replace("%", "").replace(":", "of")
    if (directory / "config.json").is_file():
        return
    model = copy.deepcopy(dense)
    for parameter in model.bert.embeddings.parameters():
        parameter.requires_grad = False
    trainer = Trainer(
        model,
        TrainingArguments(
            output_dir=str(directory / "trainer"),
            num_train_epochs=args.epochs,
            learning_rate=args.learning_rate,
            lr_scheduler_type="warmup_stable_decay",
            warmup_steps=0.02,
            lr_scheduler_kwargs={"num_decay_steps": int(0.4 * args.epochs * len(data["train"]) / 64)},
            per_device_train_batch_size=64,
            per_device_eval_batch_size=64,
            train_sampling_strategy="group_by_length",
            save_steps=200,
            save_total_limit=1,
            logging_steps=50,
            report_to="none",
            use_cpu=True,
            seed=42,
        ),
        train_dataset=data["train"],
        eval_dataset=data["validation"],
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=lambda p: {"accuracy": float(np.mean(p.predictions.argmax(-1) == p.label_ids))},
        callbacks=callbacks_of(ROWS[name], dense),
    )
    has_checkpoint = (directory / "trainer").is_dir() and get_last_checkpoint(directory / "trainer") is not None
    trainer.train(resume_from_checkpoint=has_checkpoint)
    trainer.save_model(str(directory))
    tokenizer.save_pretrained(directory)
    (directory / "row.json").write_text(json.dumps({"name": name, "epochs": args.epochs, **vars(ROWS[name])}) + "\n")


@torch.no_grad()
def accuracy(model: torch.nn.Module, data, tokenizer) -> float:
    collator, hits = DataCollatorWithPadding(tokenizer), 0
    columns = ("input_ids", "attention_mask", "token_type_ids", "label")
    for start in range(0, len(data), 64):
        rows = [data[i] for i in range(start, min(start + 64, len(data)))]
        batch = collator([{key: row[key] for key in columns if key in row} for row in rows])
        labels = batch.pop("labels")
        hits += int((model(**batch).logits.argmax(-1) == labels).sum())
    return hits / len(data)


def evaluate(args: argparse.Namespace, dense: torch.nn.Module, tokenizer, data) -> list[dict]:
    models = {"dense": (dense, {})}
    for path in sorted(args.output.glob("*/row.json")):
        row = json.loads(path.read_text())
        models[row["name"]] = (AutoModelForSequenceClassification.from_pretrained(path.parent), row)
    found = []
    for name, (model, row) in models.items():
        model.eval()
        config = PostTrainingQuantConfig(approach="dynamic")
        int8 = optimize(quantization.fit(copy.deepcopy(model), config).model)
        weights = [m.weight for m in model.bert.encoder.modules() if isinstance(m, torch.nn.Linear)]
        zeros = sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)
        scores = {"fp32": accuracy(model, data, tokenizer), "int8": accuracy(int8, data, tokenizer)}
        found.append({"name": name, "zeros": zeros, **scores, "epochs": row.get("epochs")})
        print(found[-1], flush=True)
    return found


def write(path: Path, rows: list[dict]) -> None:
    about = {
        "cpu": f"{os.cpu_count()} x {torch.cpu.get_capabilities().get('cpu_name', 'unknown')}",
        "versions": f"inc_hf {inc_hf.__version__}, torch {torch.__version__}, transformers {transformers.__version__}",
        "command": "python scripts/prune_sst2.py",
        "date": datetime.date.today().isoformat(),
    }
    path.with_suffix(".json").write_text(json.dumps({**about, "rows": rows}, indent=1) + "\n")
    dense = rows[0]["fp32"]
    lines = ["# MiniLM-L6 on GLUE SST-2 validation (872 sentences), sparse in all Linear layers of the encoder", ""]
    lines += [f"- {key}: {value}" for key, value in about.items()]
    lines += ["", "Loss: of the sparse INT8 model against the dense FP32 one, relative.", ""]
    lines += ["| model | zeros | epochs | FP32 | INT8 | loss |", "| --- | --- | --- | --- | --- | --- |"]
    for row in rows:
        cells = [row["name"], f"{row['zeros']:.1%}", str(row["epochs"] or "–"), f"{row['fp32']:.2%}"]
        cells += [f"{row['int8']:.2%}", f"{1 - row['int8'] / dense:.2%}"]
        lines.append(f"| {' | '.join(cells)} |")
    path.with_suffix(".md").write_text("\n".join([*lines, ""]))
    print("\n".join(lines))


def main() -> None:
    args = parse_args()
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    dense = AutoModelForSequenceClassification.from_pretrained(args.model)
    data = load_data(args, tokenizer)
    for name in [] if args.table else args.only:
        train(args, name, dense, tokenizer, data)
    write(args.table or args.output / "table", evaluate(args, dense, tokenizer, data["validation"]))


if __name__ == "__main__":
    main()
