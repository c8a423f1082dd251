"""What PruningCallback costs: the time of its own event calls against the rest of a training step of MiniLM-L6.

    python scripts/bench_pruning.py                                         # benchmarks/pruning_cost.{json,md}
    python scripts/bench_pruning.py --rounds 1 --patterns 4x1 --output runs/bench

A real Trainer trains a BERT of random weights (six layers of 384 features) on one batch. Every round is one update of
the masks and the steps up to the next one; then come as many rounds in which the masks stay. Since each step gives
both times, a busy neighbour slows both of them.
"""

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from bench.machine import describe, write_report
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainerState, TrainingArguments

from inc_hf import ops
from inc_hf.callbacks.pruning import PruningCallback
from inc_hf.config import WeightPruningConfig

CONFIG = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
WARM_UP = 2  # rounds
ASKED = {"update": 15, "static": 3}  # per cent at most
EVENTS = ("on_step_begin", "on_pre_optimizer_step", "on_optimizer_step", "on_step_end", "on_log")


class TimedCallback(PruningCallback):
    """Keeps the seconds of its events in each step, and when each step began."""

    def __init__(self, config: WeightPruningConfig):
        super().__init__(config)
        self.begun: list[float] = []
        self.own: list[float] = []


def timed(event: str) -> Any:
    original = getattr(PruningCallback, event)

    def call(self: TimedCallback, args: TrainingArguments, state: TrainerState, *rest: Any, **kwargs: Any) -> None:
        begin = time.perf_counter()
        original(self, args, state, *rest, **kwargs)
        seconds = time.perf_counter() - begin
        if event == "on_step_begin":
            self.begun.append(begin)
            self.own.append(0.0)
        self.own[-1] += seconds

    return call


for name in EVENTS:
    setattr(TimedCallback, name, timed(name))


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patterns", nargs="+", default=["4x1", "1x1", "2:4"])
    parser.add_argument("--pruning-type", default="snip_momentum")
    parser.add_argument("--frequency", type=int, default=10, help="steps from one update to the next, default: 10")
    parser.add_argument("--rounds", type=int, default=6, help="updates to measure, default: 6")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--length", type=int, default=64, help="tokens, default: 64")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--output", type=Path, default=Path("benchmarks"))
    return parser.parse_args()


def train(args: argparse.Namespace, pattern: str) -> TimedCallback:
    """`WARM_UP` and `rounds` rounds with an update, and `rounds` and one step with static masks."""
    end = (WARM_UP + args.rounds) * args.frequency
    config = WeightPruningConfig(
        pattern=pattern,
        pruning_type=args.pruning_type,
        target_sparsity=0.5 if ":" in pattern else 0.8,
        start_step=0,
        end_step=end - 1,
        pruning_frequency=args.frequency,
    )
    torch.manual_seed(0)
    ids = torch.randint(1000, 30000, (args.batch, args.length))
    rows = [{"input_ids": row, "attention_mask": torch.ones_like(row), "labels": i % 2} for i, row in enumerate(ids)]
    callback = TimedCallback(config)
    with tempfile.TemporaryDirectory() as folder:
        settings = TrainingArguments(
            folder,
            per_device_train_batch_size=args.batch,
            max_steps=end + args.rounds * args.frequency + 1,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        )
        model = BertForSequenceClassification(BertConfig(**CONFIG))
        Trainer(model, settings, train_dataset=rows, callbacks=[callback]).train()
    return callback


def costs(callback: TimedCallback, first: int, rounds: int, frequency: int) -> list[float]:
    """Of each round from the step `first` on, the callback's time in per cent of all other."""
    shares = []
    for begin in range(first, first + rounds * frequency, frequency):
        own = sum(callback.own[begin : begin + frequency])
        whole = callback.begun[begin + frequency] - callback.begun[begin]
        shares.append(100 * own / (whole - own))
    return shares


def measure(args: argparse.Namespace) -> list[dict]:
    entries = []
    for pattern in args.patterns:
        callback = train(args, pattern)
        first = WARM_UP * args.frequency
        static = first + args.rounds * args.frequency
        steps = [b - a for a, b in zip(callback.begun[static:], callback.begun[static + 1 :], strict=False)]
        entry = {
            "pattern": pattern,
            "step_ms": round(1e3 * statistics.median(steps), 1),
            "update": [round(share, 2) for share in costs(callback, first, args.rounds, args.frequency)],
            "static": [round(share, 2) for share in costs(callback, static, args.rounds, args.frequency)],
        }
        print(entry, flush=True)
        entries.append(entry)
    return entries


def render(report: dict) -> str:
    lines = ["# Cost of PruningCallback in training MiniLM-L6", ""]
    lines += [f"- {key}: {value}" for key, value in report["about"].items()]
    lines += ["", "The time of the callback in per cent of the rest of the step, with an update of the masks in every"]
    lines += ["round and with masks that stay: median of the rounds, and the largest. Asked are at most"]
    lines += [f"{ASKED['update']} and {ASKED['static']} %; what is above is bold.", ""]
    lines += ["| pattern | step | with updates | static |", "| --- | --- | --- | --- |"]
    for entry in report["entries"]:
        cells = []
        for name, most in ASKED.items():
            median = statistics.median(entry[name])
            text = f"{median:.1f} %" if median <= most else f"**{median:.1f} %**"
            cells.append(f"{text} ({max(entry[name]):.1f})")
        lines.append(f"| {entry['pattern']} | {entry['step_ms']:.0f} ms | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    args = parse_args()
    torch.set_num_threads(args.threads)
    options = [
        *("--patterns", *args.patterns, "--pruning-type", args.pruning_type, "--frequency", args.frequency),
        *("--rounds", args.rounds, "--batch", args.batch, "--length", args.length, "--threads", args.threads),
    ]
    about = describe([ops.isa()], None, ["python scripts/bench_pruning.py", *map(str, options)])
    report = {"about": about, "entries": measure(args)}
    write_report(args.output / "pruning_cost", json.dumps(report, indent=1) + "\n", render(report))


if __name__ == "__main__":
    main()
