"""Time of a whole forward pass of MiniLM-L6 (six BERT layers of 384 features) in FP32 and on our INT8 kernels.

    python scripts/bench_model.py                    # benchmarks/model.{json,md}, about seven minutes
    python scripts/bench_model.py --peers-isa avx2   # benchmarks/model_avx2.{json,md}, as on a CPU without AVX512
    python scripts/bench_model.py --seconds 1 --output runs/bench

The weights are random, and so are the 4x1 blocks that are zero: the time depends on neither. `inc_hf.optimize` does
all that is done to the model: its encoder runs in one native call. "by layers" is `optimize(model, encoder=False)`.
FP32 is the model as transformers has it, in eager mode.
"""

import argparse
import copy
import json
import warnings
from functools import partial
from pathlib import Path

import torch
from bench.candidates import zero_blocks
from bench.machine import describe, run_again_on_avx2, write_report
from bench.measure import summary, take_turns
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, PreTrainedModel

from inc_hf import PostTrainingQuantConfig, ops, optimize, quantization

CONFIG = BertConfig(hidden_size=384, num_hidden_layers=6, num_attention_heads=12, intermediate_size=1536)
BATCHES = ((1, 16), (1, 128), (8, 128), (32, 32), (1, 512))
ZEROS = {"dense": 0, "80% zeros": 80, "90% zeros": 90}
BY_LAYERS = "dense by layers"
OURS = (*ZEROS, BY_LAYERS)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--seconds", type=float, default=40, help="per batch and number of threads, default: 40")
    parser.add_argument("--peers-isa", choices=["avx2"], help="hold everything in the process to this ISA")
    parser.add_argument("--output", type=Path, default=Path("benchmarks"))
    args = parser.parse_args()
    if not ops.is_native():
        parser.error(f"there are no kernels to measure: {ops.why_unavailable() or 'INC_HF_ISA=reference'}")
    return args


def quantized(model: PreTrainedModel, zeros: int, encoder: bool = True) -> PreTrainedModel:
    """A copy with `zeros` per cent of the 4x1 blocks of the encoder's Linear layers removed, on our kernels."""
    model = copy.deepcopy(model)
    for module in model.bert.encoder.modules():
        if isinstance(module, nn.Linear):
            module.weight.data = zero_blocks(module.weight.data, zeros)
    return optimize(quantization.fit(model, PostTrainingQuantConfig(approach="dynamic")).model, encoder=encoder)


def models() -> dict[str, PreTrainedModel]:
    torch.manual_seed(0)
    model = BertForSequenceClassification(CONFIG).eval()
    ours = {name: quantized(model, zeros) for name, zeros in ZEROS.items()}
    return {"FP32": model, **ours, BY_LAYERS: quantized(model, 0, encoder=False)}


def measure(args: argparse.Namespace) -> list[dict]:
    candidates = models()
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
    fp32 = entry["us"]["FP32"]["median"]
    cells = [f"{fp32 / entry['us'][name]['median']:.2f}×" for name in OURS]
    size = f"{entry['batch']} x {entry['length']}"
    return f"| {' | '.join([str(entry['threads']), size, f'{fp32 / 1e3:.1f} ms', *cells])} |"


def render(report: dict) -> str:
    lines = ["# MiniLM-L6 on the INT8 kernels against FP32", ""]
    lines += [f"- {key}: {value}" for key, value in report["about"].items()]
    lines += [
        "",
        "Times of FP32 (eager) divided by ours, medians of forward passes that take turns in one process.",
        "",
    ]
    lines.append("| threads | batch x tokens | FP32 | " + " | ".join(OURS) + " |")
    lines.append("| --- " * (3 + len(OURS)) + "|")
    return "\n".join([*lines, *map(row, report["entries"]), ""])


@torch.inference_mode()
def main() -> None:
    args = parse_args()
    if args.peers_isa:
        run_again_on_avx2()
    warnings.filterwarnings("ignore", message=".*quantized tensor creation functions.*are deprecated.*")
    command = ["python scripts/bench_model.py", "--threads", *map(str, args.threads), "--seconds", f"{args.seconds:g}"]
    about = describe([ops.isa()], args.peers_isa, command) | {"weights": f"{ops.default_weight_bits()}-bit"}
    report = {"about": about, "entries": measure(args)}
    name = f"model{'_' + args.peers_isa if args.peers_isa else ''}"
    write_report(args.output / name, json.dumps(report, indent=1) + "\n", render(report))


if __name__ == "__main__":
    main()
