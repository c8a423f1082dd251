"""Size and time of MiniLM-L6 (six BERT layers of 384 features) without half of its heads and feed-forward columns.

    python scripts/bench_slim.py                          # benchmarks/slim.{json,md}, about five minutes
    python scripts/bench_slim.py --seconds 1 --output runs/bench

The weights are random. `parse_auto_slim_config` says what to prune, by magnitude and in each layer alike, and
`model_slim` cuts it out. FP32 is the model as transformers has it, in eager mode; INT8 is dynamic, on our kernels.
"""

import argparse
import copy
import json
from functools import partial
from pathlib import Path

import torch
from bench.machine import describe, write_report
from bench.measure import summary, take_turns
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

from inc_hf import PostTrainingQuantConfig, ops, optimize, quantization
from inc_hf.compression.pruner import model_slim, parse_auto_slim_config
from inc_hf.config import WeightPruningConfig
from inc_hf.prune import prepare

CONFIG = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536}
BATCHES = ((1, 128), (8, 128), (32, 32))
SPARSITY = 0.5


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=40, help="per batch and number of threads, default: 40")
    parser.add_argument("--output", type=Path, default=Path("benchmarks"))
    return parser.parse_args()


def slim(model: PreTrainedModel) -> PreTrainedModel:
    """A copy without half of its heads and feed-forward columns."""
    model = copy.deepcopy(model)
    settings = {"pruning_type": "magnitude", "pruning_scope": "local"}
    parts = parse_auto_slim_config(model, ffn2_sparsity=SPARSITY, mha_sparsity=SPARSITY, **settings)
    for pruner in prepare(model, WeightPruningConfig(pruning_configs=parts), total_steps=1):
        pruner.update(step=0)
    return model_slim(model)


def int8(model: PreTrainedModel) -> PreTrainedModel:
    return optimize(quantization.fit(copy.deepcopy(model), PostTrainingQuantConfig(approach="dynamic")).model)


def models() -> dict[str, PreTrainedModel]:
    torch.manual_seed(0)
    dense = BertForSequenceClassification(BertConfig(**CONFIG)).eval()
    small = slim(dense)
    return {"FP32": dense, "FP32 slim": small, "INT8": int8(dense), "INT8 slim": int8(small)}


def parameters(model: PreTrainedModel) -> dict[str, int]:
    encoder = sum(p.numel() for p in model.bert.encoder.parameters())
    return {"model": model.num_parameters(), "encoder": encoder}


def measure(args: argparse.Namespace, candidates: dict[str, PreTrainedModel]) -> list[dict]:
    entries = []
    for threads in args.threads:
        torch.set_num_threads(threads)
        for batch, length in BATCHES:
            ids = torch.randint(1000, 30000, (batch, length))
            inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
            calls = {name: partial(model, **inputs) for name, model in candidates.items()}
            us = {name: summary(times) for name, times in take_turns(calls, args.seconds).items()}
            entries.append({"threads": threads, "batch": batch, "length": length, "us": us})
            print(batch, length, {name: round(times["median"] / 1e3, 2) for name, times in us.items()}, flush=True)
    return entries


def row(entry: dict) -> str:
    medians = {name: times["median"] for name, times in entry["us"].items()}
    fp32 = medians.pop("FP32")
    cells = [f"{fp32 / median:.2f}×" for median in medians.values()]
    size = f"{entry['batch']} x {entry['length']}"
    return f"| {' | '.join([str(entry['threads']), size, f'{fp32 / 1e3:.1f} ms', *cells])} |"


def render(report: dict) -> str:
    lines = ["# MiniLM-L6 without half of its heads and feed-forward columns", ""]
    lines += [f"- {key}: {value}" for key, value in report["about"].items()]
    before, after = report["parameters"]["FP32"], report["parameters"]["FP32 slim"]
    shrunk = ", ".join(f"{name} {before[name] / 1e6:.2f} to {after[name] / 1e6:.2f} million" for name in before)
    lines += [f"- parameters: {shrunk}", ""]
    lines += ["The time of FP32 (eager) divided by that of the others, medians of forward passes that take turns in"]
    lines += ["one process.", ""]
    names = list(report["entries"][0]["us"])
    lines += [f"| threads | batch x tokens | {' | '.join(names)} |", "| --- " * (2 + len(names)) + "|"]
    return "\n".join([*lines, *map(row, report["entries"]), ""])


def main() -> None:
    args = parse_args()
    command = ["python scripts/bench_slim.py", "--threads", *map(str, args.threads), "--seconds", f"{args.seconds:g}"]
    about = describe([ops.isa()], None, command) | {"weights": f"{ops.default_weight_bits()}-bit"}
    candidates = models()
    counts = {name: parameters(candidates[name]) for name in ("FP32", "FP32 slim")}
    with torch.inference_mode():
        report = {"about": about, "parameters": counts, "entries": measure(args, candidates)}
    write_report(args.output / "slim", json.dumps(report, indent=1) + "\n", render(report))


if __name__ == "__main__":
    main()
