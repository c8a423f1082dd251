"""Engines that run a classifier on this CPU, each at its best safe setting, in turns. Writes a table and JSON.

    pip install 'inc-hf[bench]'
    python scripts/bench_peers.py --model demo/fp32 --sparse demo/sparse --data DATA --output benchmarks/peers
    python scripts/bench_peers.py --model bert-base --output benchmarks/peers_base     # its shape, random weights

`inc-hf demo` leaves both models; DATA is the folder of GLUE SST-2. Every engine has a process of its own, bound to the
same cores. Some at a time are in memory, always with FP32 in torch among them, which the others are divided by. One
that fails is reported with its error. vLLM needs an environment of its own, which `scripts/check_vllm.py` makes.
"""

import argparse
import json
import os
import random
import tempfile
from pathlib import Path

import torch
from accuracy_sst2 import read_tsv, score
from bench.machine import describe, run_again_on_avx2, write_report
from bench.peers import PEERS
from bench.peers_plot import draw
from bench.peers_report import render
from bench.rounds import FIRST, measure
from bench.work import TEXTS, encoded, of_shapes, of_texts
from check_vllm import VENV
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification

from inc_hf import ops
from inc_hf.benchmark.batches import write_batches
from inc_hf.compression.pruner import prepare_pruning
from inc_hf.config import WeightPruningConfig
from inc_hf.demo.assets import minilm_directory

SCRIPTS = Path(__file__).resolve().parent
SAMPLES = 100
ZEROS = {"80 %": 0.8, "90 %": 0.9}
LIBRARIES = ("transformers", "onnxruntime", "openvino", "nncf", "torchao", "ctranslate2")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="demo/fp32", help='directory, or "bert-base" for that shape')
    parser.add_argument("--sparse", help="the same with 80 %% of its 4x1 blocks zero; default: cut, not trained")
    parser.add_argument("--data", type=Path, default=Path("../shared/data/glue/sst2"))
    parser.add_argument("--seconds", type=float, default=8, help="per engine and work, default: 8")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=6, help="engines in memory beside the first, default: 6")
    parser.add_argument("--peers-isa", choices=["avx2"], help="hold torch and ours to it (not ONNX Runtime, OpenVINO)")
    parser.add_argument("--only", nargs="+", choices=list(PEERS), default=list(PEERS), metavar="PEER")
    parser.add_argument("--vllm", type=Path, default=VENV, help="environment, default: that of check_vllm.py")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/peers"))
    return parser.parse_args()


def prepare(args: argparse.Namespace, folder: Path) -> dict:
    """Files that every process reads."""
    model, generator = args.model, torch.Generator().manual_seed(0)
    if model == "bert-base":
        model = str(folder / "bert-base")
        torch.manual_seed(0)
        BertForSequenceClassification(BertConfig()).save_pretrained(model)
        AutoTokenizer.from_pretrained(minilm_directory()).save_pretrained(model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    texts, labels = read_tsv(args.data / "validation.tsv")
    train, _ = read_tsv(args.data / "train.tsv")
    works = of_shapes(generator) + of_texts(random.Random(0).sample(texts, TEXTS), tokenizer)
    chosen = torch.randperm(len(train), generator=generator)[:SAMPLES].tolist()
    files = {
        "batches": sum(works, []),
        "calibration": of_one_size(tokenizer, [train[i] for i in chosen], 10),
        "sentences": of_one_size(tokenizer, texts, 8),
    }
    paths = {name: str(folder / f"{name}.safetensors") for name in files}
    for name, batches in files.items():
        write_batches(batches, paths[name])
    if args.model == "bert-base":
        paths["sentences"] = ""  # it has learned nothing
    sources = {"dense": model} | {name: zeros_in(model, name, folder) for name in ZEROS}
    if args.sparse:
        sources["80 %"] = args.sparse
    numbers = iter(range(len(files["batches"])))
    task = {"models": sources, "works": [[next(numbers) for _ in work] for work in works]}
    return {"task": task | paths, "labels": labels if paths["sentences"] else None}


def of_one_size(tokenizer, texts: list[str], size: int) -> list[dict]:
    """Batches of one size, since compiled models are compiled for each."""
    settings = {"padding": "max_length", "max_length": 128, "truncation": True}
    return [encoded(tokenizer, texts[i : i + size], **settings) for i in range(0, len(texts), size)]


def zeros_in(model: str, name: str, folder: Path) -> str:
    """A copy whose 4x1 blocks of the smallest weights are zero, without training: for its speed only."""
    module = AutoModelForSequenceClassification.from_pretrained(model)
    config = WeightPruningConfig(pruning_type="magnitude", pattern="4x1", target_sparsity=ZEROS[name])
    prepare_pruning(module, config, dataloader=[])
    path = folder / f"zeros {name}"
    module.save_pretrained(path)
    return str(path)


def about_run(args: argparse.Namespace) -> dict[str, str]:
    command = ["python scripts/bench_peers.py --model", args.model, *["--sparse", args.sparse] * bool(args.sparse)]
    if args.threads > 1:
        command += ["--threads", str(args.threads)]
    if args.only != list(PEERS):
        command += ["--only", *(f'"{peer}"' for peer in args.only)]
    about = describe([ops.isa()], args.peers_isa, command, LIBRARIES)
    return about | {"model": args.model, "threads": str(args.threads)}


def main() -> None:
    args = parse_args()
    if args.peers_isa:
        run_again_on_avx2()
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (SCRIPTS, SCRIPTS.parent)))  # in vLLM's environment, too
    about = about_run(args)
    results, errors = {}, {}
    with tempfile.TemporaryDirectory(prefix="inc_hf_peers_") as name:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = os.path.join(name, "compiled")  # not what another run compiled
        prepared = prepare(args, Path(name))
        names = [peer for peer in args.only if peer != FIRST]
        for start in range(0, max(len(names), 1), args.at_once):
            found, failed = measure(names[start : start + args.at_once], prepared["task"], Path(name), args)
            results |= {peer: result for peer, result in found.items() if peer not in results}
            errors |= failed
    predicted = {name: torch.tensor(result.pop("predicted")) for name, result in results.items()}
    for name, result in results.items() if prepared["labels"] is not None else ():
        result["accuracy"] = score(predicted[name], prepared["labels"])
        result["equal"] = score(predicted[name], predicted[FIRST])
    report = {"about": about, "results": results, "errors": errors}
    write_report(args.output, json.dumps(report, indent=1) + "\n", render(report))
    if prepared["labels"] is not None:
        draw(report, args.output.with_suffix(".svg"))


if __name__ == "__main__":
    main()
