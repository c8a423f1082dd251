"""How many evaluations each way of tuning takes until an accuracy goal is met, on real SST-2.

    python scripts/bench_tuning.py --model runs/recipe/dense-8551-0 --data ../shared/data/glue/sst2

`--model` is one that `scripts/prune_recipe.py` fine-tuned on 8,551 sentences: the sentences that it keeps back are
tuned on here, the validation set judges. Weights in 4 bits, which the model does not bear everywhere. One line of
results per search is appended to OUTPUT.jsonl when it ends; what is there is not run again. OUTPUT.md is the table.
"""

import argparse
import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from recipe.data import keep_back, read
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from inc_hf import AccuracyCriterion, PostTrainingQuantConfig, TuningCriterion
from inc_hf.commands.describe import describe_machine
from inc_hf.config import set_workspace
from inc_hf.models.batches import batches_of
from inc_hf.quantization import fit

ONE_BY_ONE = "basic, one by one (INC)"
# name -> strategy, its settings
SEARCHES = {
    ONE_BY_ONE: ("basic", {"fallback": "one_by_one", "refine": False, "sensitivity": "exact"}),
    "basic, accumulated, exact order": ("basic", {"fallback": "accumulated", "refine": False, "sensitivity": "exact"}),
    "basic": ("basic", {}),
    "basic, exact order": ("basic", {"sensitivity": "exact"}),
    "auto": ("auto", {}),
    "mse": ("mse", {}),
    "mse_v2": ("mse_v2", {}),
    "hawq_v2": ("hawq_v2", {}),
}
BITS = 4
CALIBRATION, TUNING = 100, 1000


def accuracy(model, batches: list[dict], labels: torch.Tensor) -> float:
    with torch.inference_mode():
        predicted = torch.cat([model(**batch).logits.argmax(-1) for batch in batches])
    return float((predicted == labels).double().mean())


class Data:
    """Batches of sentences of about one length, and their labels in the same order."""

    def __init__(self, rows: list[tuple[str, int]], model, tokenizer):
        rows = sorted(rows, key=lambda row: len(row[0]))
        self.batches = list(batches_of([text for text, _ in rows], model, tokenizer, batch_size=32))
        self.labels = torch.tensor([label for _, label in rows])

    def accuracy(self, model) -> float:
        return accuracy(model, self.batches, self.labels)


def run(name: str, args, tuning: Data, calibration: Data, judge: Data) -> dict:
    strategy, settings = SEARCHES[name]
    model = AutoModelForSequenceClassification.from_pretrained(args.model).eval()
    conf = PostTrainingQuantConfig(
        op_type_dict={"Linear": {"weight": {"bits": [BITS]}}},
        accuracy_criterion=AccuracyCriterion(tolerable_loss=args.tolerance),
        tuning_criterion=TuningCriterion(strategy, strategy_kwargs=settings, max_trials=args.max_trials),
    )
    evaluations = 0

    def evaluate(candidate) -> float:
        nonlocal evaluations
        evaluations += 1
        return tuning.accuracy(candidate)

    start = time.perf_counter()
    result = fit(model, conf, calib_dataloader=calibration.batches, eval_func=evaluate)
    chosen = next(trial for trial in result.trials if trial.score == result.score)
    return {
        "search": name,
        "evaluations": evaluations,
        "minutes": (time.perf_counter() - start) / 60,
        "met": bool(result.met_criterion),
        "in_float": result.trials[0].quantized_modules - chosen.quantized_modules,
        "modules": result.trials[0].quantized_modules,
        "baseline": result.baseline,
        "default": result.trials[0].score,
        "score": result.score,
        "judged": judge.accuracy(result.model),
        "latency": chosen.latency,
    }


def table(rows: list[dict], args) -> str:
    machine = describe_machine()
    first = rows[0]
    slowest = next((row["evaluations"] for row in rows if row["search"] == ONE_BY_ONE), None)
    lines = [
        "# Evaluations until an accuracy goal is met",
        "",
        f"- MiniLM-L6 on SST-2, {first['modules']} modules, weights in {BITS} bits, static",
        f"- float model {first['baseline']:.2%}, everything quantized {first['default']:.2%}; goal: at most "
        f"{args.tolerance:.1%} relative loss",
        f"- {TUNING} sentences to tune on, {CALIBRATION} to calibrate, none of them in training",
        "- judged: accuracy on the validation set, which nothing was chosen by",
        f"- {', '.join(f'{key}: {value}' for key, value in machine.items() if isinstance(value, str | int))}",
        "- `python scripts/bench_tuning.py`",
        "",
        "| search | evaluations | fewer | minutes | met | in float | accuracy, tuned on | judged | times FP32 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        fewer = f"{slowest / row['evaluations']:.1f} ×" if slowest else ""
        speed = f"{1 / row['latency']:.2f} ×" if row["latency"] else ""
        cells = [row["search"], row["evaluations"], fewer, f"{row['minutes']:.1f}", "yes" if row["met"] else "no"]
        cells += [row["in_float"], f"{row['score']:.2%}", f"{row['judged']:.2%}", speed]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join([*lines, ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/glue/sst2"))
    parser.add_argument("--searches", nargs="+", default=list(SEARCHES), choices=SEARCHES)
    parser.add_argument("--tolerance", type=float, default=0.005)
    parser.add_argument("--max-trials", type=int, default=200)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/tuning"))
    args = parser.parse_args()
    model = AutoModelForSequenceClassification.from_pretrained(args.model)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    _, kept = keep_back(read(args.data / "train.tsv"))
    tuning = Data(kept[:TUNING], model, tokenizer)
    calibration = Data(kept[TUNING : TUNING + CALIBRATION], model, tokenizer)
    judge = Data(read(args.data / "validation.tsv"), model, tokenizer)
    lines = args.output.with_suffix(".jsonl")
    rows = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    for name in args.searches:
        if any(row["search"] == name for row in rows):
            continue
        with TemporaryDirectory() as workspace:
            set_workspace(workspace)
            rows.append(run(name, args, tuning, calibration, judge))
        with open(lines, "a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    args.output.with_suffix(".md").write_text(table(rows, args))
    print(table(rows, args))


if __name__ == "__main__":
    main()
