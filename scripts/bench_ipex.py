"""Time of a forward pass of MiniLM-L6 on Intel Extension for PyTorch, in the environment of `scripts/test_ipex.sh`.

    export PYTHONPATH=.                         # the package is not installed there
    .venv-ipex/bin/python scripts/bench_ipex.py # benchmarks/ipex.{json,md}, about two minutes
    .venv-ipex/bin/python scripts/bench_ipex.py --model runs/minilm-sst2 --data DATA   # accuracy on SST-2, too

Without `--model` the weights are random: the time does not depend on them. INT8 static and dynamic are what
`inc_hf.quantization.fit` makes, traced with its integers and scales; "IPEX's own" is calibrated by IPEX itself.
"""

import argparse
import copy
import datetime
import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import transformers
from accuracy_sst2 import read_tsv, score
from bench.machine import write_report
from bench.measure import summary, take_turns
from bench.report import table
from transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
)

import inc_hf
from inc_hf import PostTrainingQuantConfig, quantization
from inc_hf.backends.ipex import open_session, quantize, require_ipex
from inc_hf.models.batches import batches_of

CONFIG = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
BATCHES = ((1, 128), (8, 128), (32, 32))
EAGER, STATIC, DYNAMIC = "torch FP32", "INT8 static", "INT8 dynamic"
SAMPLES = 100


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="per batch, default: 20")
    parser.add_argument("--model", type=Path, help="directory of a model that was fine-tuned on SST-2")
    parser.add_argument("--data", type=Path, help="directory of SST-2, with train.tsv and validation.tsv")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/ipex"))
    args = parser.parse_args()
    if (args.model is None) != (args.data is None):
        parser.error("--model and --data go together")
    return args


def random_batch(size: int, length: int) -> dict[str, torch.Tensor]:
    ids = torch.randint(1000, 30000, (size, length))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids), "token_type_ids": torch.zeros_like(ids)}


def text_batches(args: argparse.Namespace, file: str, count: int | None = None) -> tuple[list, torch.Tensor]:
    """Batches of 32 sentences (`count` random ones, if given) as tokenizers make them, and the labels."""
    sentences, labels = read_tsv(args.data / file)
    chosen = torch.randperm(len(sentences), generator=torch.Generator().manual_seed(0))[:count] if count else None
    sentences = sentences if chosen is None else [sentences[i] for i in chosen.tolist()]
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForSequenceClassification.from_pretrained(args.model)
    return [dict(batch) for batch in batches_of(sentences, model, tokenizer, batch_size=32)], labels


def quantized(model: torch.nn.Module, approach: str, calibration: list) -> torch.nn.Module:
    config = PostTrainingQuantConfig(approach=approach, reduce_range=False, calibration_sampling_size=SAMPLES)
    data = calibration if approach == "static" else None
    return quantization.fit(copy.deepcopy(model), config, calib_dataloader=data).model


def candidates(model: torch.nn.Module, ours: dict[str, torch.nn.Module], calibration: list) -> dict[str, Callable]:
    """Name -> function of a batch that returns a dict with the logits."""
    example = {name: tensor[:2] for name, tensor in calibration[0].items()}
    return {
        EAGER: lambda batch: model(**batch),
        "IPEX FP32": open_session(model, example),
        "IPEX BF16": open_session(model, example, dtype=torch.bfloat16),
        **{f"IPEX {name}": open_session(module, example) for name, module in ours.items()},
        "IPEX's own INT8 static": quantize(model, calibration),
    }


def measure(calls: dict[str, Callable], seconds: float) -> list[dict]:
    entries = []
    for size, length in BATCHES:
        batch = random_batch(size, length)
        turns = {name: partial(call, batch) for name, call in calls.items()}
        us = {name: summary(times) for name, times in take_turns(turns, seconds).items()}
        entries.append({"batch": size, "length": length, "us": us})
        print(size, length, {name: round(times["median"] / 1e3, 2) for name, times in us.items()}, flush=True)
    return entries


def accuracies(calls: dict[str, Callable], ours: dict[str, Callable], batches: list, labels: torch.Tensor) -> list:
    """Of each call; those of our checkpoints are also compared with the same checkpoint in torch."""

    def predict(call: Callable) -> torch.Tensor:
        return torch.cat([call(batch)["logits"].argmax(-1) for batch in batches])

    fp32, found = predict(calls[EAGER]), []
    for name, call in calls.items():
        predicted, twin = predict(call), ours.get(name.removeprefix("IPEX "))
        found.append({"name": name, "accuracy": score(predicted, labels), "equal": score(predicted, fp32)})
        if twin is not None:
            found[-1]["equal_to_torch"] = score(predicted, predict(lambda batch, twin=twin: twin(**batch)))
        print(found[-1], flush=True)
    return found


def describe(args: argparse.Namespace) -> dict[str, str]:
    cpu = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    versions = {"inc_hf": inc_hf.__version__, "torch": torch.__version__, "IPEX": require_ipex().__version__}
    versions |= {"transformers": transformers.__version__, "Python": sys.version.split()[0]}
    given = [f"--model {args.model.name}", f"--data {args.data.name}"] if args.model else []
    return {
        "cpu": f"{len(cpu)} x {cpu[0]}, torch says {torch.backends.cpu.get_cpu_capability()}",
        "threads": str(torch.get_num_threads()),
        "load before": f"{os.getloadavg()[0]:.2f} of {os.cpu_count()} CPUs",
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
        "command": " ".join([f"PYTHONPATH=. python scripts/bench_ipex.py --seconds {args.seconds:g}", *given]),
        "date": datetime.date.today().isoformat(),
        "weights": f"of {args.model.name}" if args.model else "random",
    }


def render(report: dict) -> str:
    names = list(report["entries"][0]["us"])
    lines = ["# MiniLM-L6 on Intel Extension for PyTorch", "", *(f"- {k}: {v}" for k, v in report["about"].items())]
    lines += [
        "",
        "Times of FP32 in torch (eager) divided by those of IPEX, medians of forward passes that take turns in",
    ]
    lines += ["one process. INT8 static and dynamic are checkpoints of ours, 8 bits, with their integers and scales."]
    rows = []
    for entry in report["entries"]:
        us = {name: entry["us"][name]["median"] for name in names}
        ratios = [f"{us[EAGER] / us[name]:.2f}×" for name in names[1:]]
        rows.append([f"{entry['batch']} x {entry['length']}", f"{us[EAGER] / 1e3:.1f} ms", *ratios])
    lines += table(["batch x tokens", *names], rows)
    if report["accuracy"]:
        lines += ['GLUE SST-2, 872 sentences; "in torch": the same checkpoint, by inc_hf\'s own arithmetic.']
        keys = ("accuracy", "equal", "equal_to_torch")
        cells = [[r["name"], *(f"{r[key]:.2%}" if key in r else "–" for key in keys)] for r in report["accuracy"]]
        lines += table(["model", "accuracy", "equal to FP32", "equal to itself in torch"], cells)
    return "\n".join(lines).rstrip() + "\n"


@torch.no_grad()
def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    about = describe(args)
    if args.model:
        model = AutoModelForSequenceClassification.from_pretrained(args.model).eval()
        calibration, _ = text_batches(args, "train.tsv", SAMPLES)
    else:
        model = BertForSequenceClassification(CONFIG).eval()
        calibration = [random_batch(4, 32) for _ in range(SAMPLES // 4)]
    ours = {STATIC: quantized(model, "static", calibration), DYNAMIC: quantized(model, "dynamic", calibration)}
    calls = candidates(model, ours, calibration)
    accuracy = accuracies(calls, ours, *text_batches(args, "validation.tsv")) if args.model else []
    report = {"about": about, "entries": measure(calls, args.seconds), "accuracy": accuracy}
    report["about"]["load after"] = f"{os.getloadavg()[0]:.2f}"
    write_report(args.output, json.dumps(report, indent=1) + "\n", render(report))


if __name__ == "__main__":
    main()
