"""Real sentences through a fine-tuned model and its INT8 versions: predictions, accuracy, and texts per second.

    python scripts/bench_texts.py --model demo/fp32 --sparse demo/sparse --data DATA      # benchmarks/texts.{json,md}

`inc-hf demo` leaves both models; DATA is the folder of GLUE SST-2. FP32 is the model as transformers has it; the
others are dynamic INT8, with their layers one by one and with the encoder in one native call. One process, in turns;
tokenizing is not counted.
"""

import argparse
import copy
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from bench.machine import describe, write_report
from bench.measure import summary, take_turns
from bench.work import STREAMS, batches_of
from recipe.data import read
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from inc_hf import PostTrainingQuantConfig, ops, optimize, quantization

Batches = list[dict[str, torch.Tensor]]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, default=Path("demo/fp32"))
    parser.add_argument("--sparse", type=Path, default=Path("demo/sparse"), help="the same, pruned in 4x1 blocks")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/glue/sst2"))
    parser.add_argument("--seconds", type=float, default=60, help="for each stream")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/texts"))
    return parser.parse_args()


def models(args: argparse.Namespace) -> dict[str, PreTrainedModel]:
    load = AutoModelForSequenceClassification.from_pretrained
    found = {"FP32": load(args.model).eval()}
    for name, directory in {"INT8": args.model, "INT8, 4x1 zeros": args.sparse}.items():
        config = PostTrainingQuantConfig(approach="dynamic")
        model = quantization.fit(load(directory).eval(), config).model
        found[f"{name}, by layers"] = optimize(copy.deepcopy(model), encoder=False)
        found[f"{name}, one call, attention in float"] = optimize(copy.deepcopy(model), attention="fp32")
        found[f"{name}, one call"] = optimize(model)
    return found


def logits_of(model: Callable, batches: Batches) -> torch.Tensor:
    return torch.cat([model(**batch).logits for batch in batches])


def measure(args: argparse.Namespace) -> list[dict]:
    rows = read(args.data / "validation.tsv")
    sentences, labels = [text for text, _ in rows], torch.tensor([label for _, label in rows])
    tokenizer, candidates = AutoTokenizer.from_pretrained(args.model), models(args)
    streams = {name: batches_of(sentences, tokenizer, *how) for name, how in STREAMS.items()}
    logits = {name: logits_of(model, streams["one by one"]) for name, model in candidates.items()}
    entries = [
        {
            "model": name,
            "accuracy": (found.argmax(-1) == labels).float().mean().item(),
            "equal": (found.argmax(-1) == logits["FP32"].argmax(-1)).float().mean().item(),
            "texts_per_second": {},
        }
        for name, found in logits.items()
    ]
    for stream, batches in streams.items():
        calls = {name: partial(logits_of, model, batches) for name, model in candidates.items()}
        times = take_turns(calls, args.seconds)
        for entry in entries:
            entry["texts_per_second"][stream] = len(rows) / summary(times[entry["model"]])["median"] * 1e6
        print(stream, {e["model"]: round(e["texts_per_second"][stream]) for e in entries}, flush=True)
    return entries


def row(entry: dict, fp32: dict) -> str:
    speeds = entry["texts_per_second"]
    shares = [f"{entry[key]:.2%}" for key in ("accuracy", "equal")]
    cells = [f"{speeds[s]:.0f} ({speeds[s] / fp32['texts_per_second'][s]:.1f} ×)" for s in STREAMS]
    return "| " + " | ".join([entry["model"], *shares, *cells]) + " |"


def render(report: dict) -> str:
    entries = report["entries"]
    lines = ["# GLUE SST-2 validation through MiniLM-L6, in texts per second", ""]
    lines += [f"- {key}: {value}" for key, value in report["about"].items()]
    lines += ["", "Equal: predictions that are those of FP32 (the pruned model is another model). Threads: 1.", ""]
    lines.append("| model | accuracy | equal | " + " | ".join(STREAMS) + " |")
    lines.append("| --- " * (3 + len(STREAMS)) + "|")
    return "\n".join([*lines, *(row(entry, entries[0]) for entry in entries), ""])


@torch.inference_mode()
def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    about = describe(
        [ops.isa()], None, ["python scripts/bench_texts.py --model demo/fp32 --sparse demo/sparse"], ["transformers"]
    )
    report = {"about": about, "entries": measure(args)}
    write_report(args.output, json.dumps(report, indent=1) + "\n", render(report))


if __name__ == "__main__":
    main()
