"""One model, its compressed forms and the runtimes: equal predictions on SST-2, size of the files, speed.

    python scripts/finetune_sst2.py --data DATA --output runs/minilm-sst2
    python scripts/check_backends.py --data DATA --model runs/minilm-sst2     # benchmarks/backends.{json,md}

Each form is exported once, and the file is run by ONNX Runtime and by OpenVINO. IPEX: `scripts/bench_ipex.py`.
"""

import argparse
import copy
import json
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import onnx
import torch
from accuracy_sst2 import read_tsv, score
from bench.machine import describe, write_report
from bench.measure import summary, take_turns
from bench.report import table
from onnx import numpy_helper
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from inc_hf import PostTrainingQuantConfig, ops, optimize, quantization
from inc_hf.compression.pruner import prepare_pruning
from inc_hf.config import WeightPruningConfig
from inc_hf.export import export_model
from inc_hf.models.batches import batches_of
from inc_hf.quantize.nn import quantized_modules
from inc_hf.runtimes import from_files

RUNTIMES = ("onnxruntime", "openvino")
SHAPES = ((1, 128), (8, 128))
SAMPLES = 100
CLOSE = 1e-4  # of the largest logit


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("../shared/data/glue/sst2"))
    parser.add_argument("--model", type=Path, default=Path("runs/minilm-sst2"))
    parser.add_argument("--seconds", type=float, default=20, help="per form and shape, default: 20")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/backends"))
    return parser.parse_args()


def forms(model: PreTrainedModel, calibration: list[dict]) -> dict[str, PreTrainedModel]:
    """Name -> what becomes of the model."""
    sparse = copy.deepcopy(model)
    config = WeightPruningConfig(pruning_type="wanda", pattern="4x1", target_sparsity=0.5)
    prepare_pruning(sparse, config, dataloader=calibration)
    return {
        "FP32": model,
        "BF16 weights": copy.deepcopy(model).bfloat16(),
        "INT8 dynamic": quantized(model, "dynamic", calibration),
        "INT8 static": quantized(model, "static", calibration),
        "INT8 dynamic, half of the 4x1 blocks zero": quantized(sparse, "dynamic", calibration),
    }


def quantized(model: PreTrainedModel, approach: str, calibration: list[dict]) -> PreTrainedModel:
    config = PostTrainingQuantConfig(approach=approach, calibration_sampling_size=SAMPLES)
    data = calibration if approach == "static" else None
    return quantization.fit(copy.deepcopy(model), config, calib_dataloader=data).model


def logits(call: Callable, batches: list[dict]) -> torch.Tensor:
    return torch.cat([call(**batch).logits.float() for batch in batches])


def check(model: PreTrainedModel, folder: Path, batches: list[dict], labels: torch.Tensor) -> tuple[dict, dict]:
    """What is to be said of one form, and its models by runtime."""
    paths = export_model(model, folder)
    others = {name: from_files(type(model), model.config, paths, name) for name in RUNTIMES}
    # The file of a BF16 model computes in float32 with the same weights.
    twin = copy.deepcopy(model).float() if model.dtype == torch.bfloat16 else model
    expected = logits(twin, batches)
    entry = {"bytes": sum(path.stat().st_size for path in folder.iterdir())}
    entry["accuracy"] = score(expected.argmax(-1), labels)
    entry["zeros"] = share_of_zeros(paths[0]) if quantized_modules(model) else None
    for name, other in others.items():
        got = logits(other, batches)
        close = (got - expected).abs().amax(1) <= CLOSE * expected.abs().max()
        entry[name] = {
            "equal": score(got.argmax(-1), expected.argmax(-1)),
            "close": float(close.double().mean()),
            "accuracy": score(got.argmax(-1), labels),
        }
    return entry, others


def share_of_zeros(path: Path) -> float:
    """Among the int8 weights of a file."""
    arrays = [numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer]
    codes = [array for array in arrays if array.dtype == "int8"]
    return float(sum((array == 0).sum() for array in codes) / sum(array.size for array in codes))


def measure(fp32: PreTrainedModel, model: PreTrainedModel, others: dict, seconds: float) -> list[dict]:
    """Times of torch FP32, and of this form on torch and on the other runtimes, in turns."""
    ours = optimize(copy.deepcopy(model)) if quantized_modules(model) else model
    calls = {"torch FP32": fp32, "torch": ours, **others}
    entries = []
    for size, length in SHAPES:
        ids = torch.randint(1000, 30000, (size, length), generator=torch.Generator().manual_seed(0))
        batch = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
        turns = {name: partial(call, **batch) for name, call in calls.items()}
        us = {name: summary(times) for name, times in take_turns(turns, seconds).items()}
        entries.append({"batch": size, "length": length, "us": us})
    return entries


def render(report: dict) -> str:
    results, names = report["results"], ("torch", *RUNTIMES)
    size = results[0]["bytes"]
    lines = ["# MiniLM-L6 on other runtimes", "", *(f"- {key}: {value}" for key, value in report["about"].items()), ""]
    lines += [
        "GLUE SST-2, 872 sentences. Equal: share of the predictions that are those of the same model in torch; close:",
        f"of the sentences whose logits are within {CLOSE:g} of the largest one. The rest are sentences where a",
        "difference of 1e-7 between two float kernels moved an activation to the next integer.",
    ]
    header = ["model", "file", "of FP32", "zeros", "accuracy in torch"]
    header += [f"{name}: {what}" for name in RUNTIMES for what in ("equal", "close", "accuracy")]
    rows = []
    for r in results:
        zeros = "–" if r["zeros"] is None else f"{r['zeros']:.1%}"
        cells = [f"{r[name][key]:.2%}" for name in RUNTIMES for key in ("equal", "close", "accuracy")]
        rows.append(
            [
                r["form"],
                f"{r['bytes'] / 1e6:.1f} MB",
                f"{r['bytes'] / size:.1%}",
                zeros,
                f"{r['accuracy']:.2%}",
                *cells,
            ]
        )
    lines += table(header, rows)
    lines.append(
        "Times of FP32 in torch (eager) divided by those of each; medians of calls that take turns, one thread."
    )
    rows = []
    for r in results:
        for entry in r["speed"]:
            us = {name: entry["us"][name]["median"] for name in entry["us"]}
            ratios = [f"{us['torch FP32'] / us[name]:.2f}×" for name in names]
            rows.append(
                [r["form"], f"{entry['batch']} x {entry['length']}", f"{us['torch FP32'] / 1e3:.1f} ms", *ratios]
            )
    lines += table(["model", "batch x tokens", "torch FP32", *names], rows)
    return "\n".join(lines).rstrip() + "\n"


@torch.no_grad()
def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    about = describe([ops.isa()], None, ["python", "scripts/check_backends.py"], RUNTIMES)
    fp32 = AutoModelForSequenceClassification.from_pretrained(args.model).eval()
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    sentences, labels = read_tsv(args.data / "validation.tsv")
    batches = [dict(batch) for batch in batches_of(sentences, fp32, tokenizer, batch_size=32)]
    train, _ = read_tsv(args.data / "train.tsv")
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:SAMPLES]
    calibration = [dict(b) for b in batches_of([train[i] for i in chosen.tolist()], fp32, tokenizer, batch_size=10)]
    results = []
    for form, model in forms(fp32, calibration).items():
        with tempfile.TemporaryDirectory() as folder:
            entry, others = check(model, Path(folder), batches, labels)
            results.append({"form": form, **entry, "speed": measure(fp32, model, others, args.seconds)})
        print(results[-1], flush=True)
    report = {"about": about, "results": results}
    write_report(args.output, json.dumps(report, indent=1) + "\n", render(report))


if __name__ == "__main__":
    main()
