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
import json
from pathlib import Path

from recipe.data import load_splits
from recipe.scores import MEASURED, scores_of, zeros
from recipe.table import render
from recipe.training import DENSE, dense_model, pruned_model
from recipe.trials import TRIALS
from transformers import AutoTokenizer, PreTrainedModel

from inc_hf.demo.assets import minilm_directory


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
