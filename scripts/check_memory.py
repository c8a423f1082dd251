"""Memory and time from the imports to the first result, and memory over thousands of forwards, FP32 against INT8.

    python scripts/check_memory.py --model demo/fp32 --output benchmarks/memory

Each model is in a process of its own, with one thread. INT8 is dynamic, saved, loaded and optimized.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from bench.machine import describe, write_report
from bench.report import table
from transformers import AutoModelForSequenceClassification, BertForSequenceClassification

from inc_hf import IncModelForSequenceClassification, PostTrainingQuantConfig, ops, optimize, quantization
from inc_hf.benchmark.worker import peak_rss

FORWARDS = 5000
SHAPE = (8, 128)
COLUMNS = {"imports": "imports", "peak": "peak", "first": "first result", "last": "last result"}
LEGEND = f"""\
Load: from the imports to the first result, for {SHAPE[0]} x {SHAPE[1]} tokens. Megabytes of the process:
after the imports, at most until the first result, then, and after {FORWARDS} forwards of random shapes."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="demo/fp32")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/memory"))
    parser.add_argument("--measure", nargs=2, metavar=("KIND", "DIR"), help="what this script starts itself with")
    return parser.parse_args()


def rss() -> int:
    """Bytes in memory now."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


def inputs(batch: int, tokens: int) -> dict:
    ids = torch.randint(1000, 30000, (batch, tokens))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


@torch.inference_mode()
def measure(kind: str, directory: str) -> dict:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    random.seed(0)
    assert BertForSequenceClassification  # imported by now, as any user of this model has it
    found, begun = {"imports": rss()}, time.perf_counter()
    load = AutoModelForSequenceClassification if kind == "FP32" else IncModelForSequenceClassification
    model = load.from_pretrained(directory).eval()
    model = optimize(model) if kind == "INT8" else model
    model(**inputs(*SHAPE))
    found |= {"seconds": time.perf_counter() - begun, "peak": peak_rss(), "first": rss()}
    for _ in range(FORWARDS):
        model(**inputs(random.randint(1, 8), random.randint(1, 96)))
    return found | {"last": rss(), "last_peak": peak_rss()}


def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f}"


def render(report: dict) -> str:
    results = report["results"].items()
    lines = [f"# Memory of {report['about']['model']}, one thread", ""]
    lines += [f"- {key}: {value}" for key, value in report["about"].items()]
    lines += ["", *LEGEND.splitlines()]
    rows = [
        [kind, f"{found['seconds']:.2f} s", *(megabytes(found[key]) for key in COLUMNS)] for kind, found in results
    ]
    return "\n".join(lines + table(["model", "load", *COLUMNS.values()], rows)) + "\n"


def main() -> None:
    args = parse_args()
    if args.measure:
        print(json.dumps(measure(*args.measure)))
        return
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        config = PostTrainingQuantConfig(approach="dynamic")
        model = AutoModelForSequenceClassification.from_pretrained(args.model)
        quantization.fit(model, config).save_pretrained(folder)
        for kind, directory in (("FP32", args.model), ("INT8", folder)):
            command = [sys.executable, "-W", "ignore", __file__, "--measure", kind, directory]
            answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            results[kind] = json.loads(answer.splitlines()[-1])
    name = Path(args.model).name
    about = describe([ops.isa()], None, ["python scripts/check_memory.py --model", name], ["transformers"])
    report = {"about": about | {"model": name}, "results": results}
    write_report(args.output, json.dumps(report, indent=1) + "\n", render(report))


if __name__ == "__main__":
    main()
