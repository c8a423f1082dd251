"""Engines that run a classifier on this CPU, each at its best safe setting, in turns. Writes a table and JSON.

    pip install 'inc-hf[bench]'
    python scripts/bench_peers.py --model runs/minilm-sst2 --data DATA --output benchmarks/peers
    python scripts/bench_peers.py --model bert-base --output benchmarks/peers_base     # its shape, random weights

Every engine has a process of its own, bound to the same core. Some at a time are in memory, always with FP32 in torch
among them, which the others are divided by. One that fails is reported with its error.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import torch
from accuracy_sst2 import read_tsv, score
from bench.machine import describe, run_again_on_avx2, write_report
from bench.peers import PEERS
from bench.report import table
from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

from inc_hf import ops
from inc_hf.benchmark.batches import write_batches
from inc_hf.benchmark.cores import physical_cores
from inc_hf.benchmark.instances import BenchmarkError, Instance, started
from inc_hf.benchmark.measure import take_turns
from inc_hf.benchmark.statistics import Latency, ratio, throughput

SHAPES = ((1, 128), (8, 128), (32, 32))
FIRST = "torch FP32"
WORKER = [sys.executable, "-m", "bench.peer_worker"]
SAMPLES = 100
LIBRARIES = ("transformers", "onnxruntime", "openvino", "nncf", "torchao")


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="runs/minilm-sst2", help='directory, or "bert-base" for that shape')
    parser.add_argument("--data", type=Path, help="directory of SST-2: accuracy and agreement, too")
    parser.add_argument("--seconds", type=float, default=8, help="per engine and shape, default: 8")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--at-once", type=int, default=6, help="engines in memory beside the first, default: 6")
    parser.add_argument("--peers-isa", choices=["avx2"], help="hold torch and ours to it (not ONNX Runtime, OpenVINO)")
    parser.add_argument("--only", nargs="+", choices=list(PEERS), default=list(PEERS), metavar="PEER")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/peers"))
    return parser.parse_args()


def prepare(args: argparse.Namespace, folder: Path) -> dict:
    """Files that every process reads."""
    generator = torch.Generator().manual_seed(0)
    batches = []
    for size in SHAPES:
        ids = torch.randint(1000, 30000, size, generator=generator)
        batches.append(inputs(ids, torch.ones_like(ids)))
    write_batches(batches, folder / "batches.safetensors")
    model, sentences, labels = args.model, None, None
    if model == "bert-base":
        model = str(folder / "bert-base")
        torch.manual_seed(0)
        BertForSequenceClassification(BertConfig()).save_pretrained(model)
    if args.data:
        tokenizer = AutoTokenizer.from_pretrained(model)
        texts, labels = read_tsv(args.data / "validation.tsv")
        write_batches(encoded(tokenizer, texts, 8), folder / "sentences.safetensors")
        sentences = str(folder / "sentences.safetensors")
        train, _ = read_tsv(args.data / "train.tsv")
        chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))[:SAMPLES]
        calibration = encoded(tokenizer, [train[i] for i in chosen.tolist()], 10)
    else:
        ids = torch.randint(1000, 30000, (20, 64), generator=generator)
        calibration = [inputs(ids[i : i + 4], torch.ones_like(ids[i : i + 4])) for i in range(0, 20, 4)]
    write_batches(calibration, folder / "calibration.safetensors")
    files = {"batches": str(folder / "batches.safetensors"), "calibration": str(folder / "calibration.safetensors")}
    return {"task": {"model": model, "sentences": sentences, "warmup": 2 * len(SHAPES), **files}, "labels": labels}


def inputs(ids: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}


def encoded(tokenizer, texts: list[str], size: int) -> list[dict]:
    """Batches of one size, since compiled models are compiled for each."""
    found = tokenizer(texts, padding="max_length", max_length=128, truncation=True, return_tensors="pt")
    ids, mask = found["input_ids"], found["attention_mask"]
    return [inputs(ids[i : i + size], mask[i : i + size]) for i in range(0, len(ids), size)]


def made(name: str, task: dict, folder: Path) -> str | None:
    """Let a process write what a peer needs; the error, if there was one."""
    folder.mkdir(parents=True)
    message = json.dumps({**task, "peer": name, "folder": str(folder)}) + "\n"
    result = subprocess.run([*WORKER, "make"], input=message, capture_output=True, text=True, check=False)
    return None if result.returncode == 0 else " ".join(result.stderr.strip().splitlines()[-1:])


def measure(names: list[str], task: dict, folder: Path, args: argparse.Namespace) -> tuple[dict, dict]:
    """Results and errors of some engines, beside the first one."""
    cpus = [core[0] for core in physical_cores()[-args.threads :]]
    groups, errors = {}, {}
    with ExitStack() as stack:
        for name in [FIRST, *names]:
            own = folder / str(list(PEERS).index(name))
            if not own.exists() and (error := made(name, task, own)):
                errors[name] = error
                print(f"{name}: {error}", flush=True)
                continue
            begun = time.perf_counter()
            instance = Instance(name, {**task, "peer": name, "folder": str(own)}, cpus, WORKER)
            try:
                groups[name] = stack.enter_context(started([instance]))
                print(f"{name}: ready after {time.perf_counter() - begun:.0f} s", flush=True)
            except BenchmarkError as error:
                errors[name] = str(error)
                print(error, flush=True)
        results: dict[str, dict] = {name: {"shapes": []} for name in groups}
        for index, shape in enumerate(SHAPES):
            turns = turns_of_those_that_live(groups, errors, args.seconds, index)
            speeds = {name: [throughput(windows) for windows in rounds] for name, rounds in turns.items()}
            for name, rounds in turns.items():
                latency = Latency.of(s for windows in rounds for w in windows for s in w.latencies())
                entry = {"shape": shape, "latency": latency.to_dict(), "speedup": ratio(speeds[name], speeds[FIRST])}
                results[name]["shapes"].append(entry | {"throughput": statistics.median(speeds[name])})
        results = {name: results[name] for name in groups}
        for name, (instance,) in groups.items():
            facts = {"rss": instance.peak_rss, "load_seconds": instance.load_seconds, **instance.facts}
            results[name] |= facts
    return results, errors


def turns_of_those_that_live(groups: dict, errors: dict, seconds: float, batch: int) -> dict:
    """Turns on one of the batches; an engine that ends meanwhile is taken out of `groups`."""
    while True:
        try:
            return take_turns(groups, seconds, batch=batch)
        except BenchmarkError as error:
            dead = [name for name, (instance,) in groups.items() if instance.process.poll() is not None]
            print(error, flush=True)
            for name in dead:
                errors[name] = str(error)
                del groups[name]


def about_run(args: argparse.Namespace) -> dict[str, str]:
    name = Path(args.model).name
    command = ["python scripts/bench_peers.py --model", name, *["--data DATA"] * bool(args.data)]
    if args.only != list(PEERS):
        command += ["--only", *(f'"{peer}"' for peer in args.only)]
    about = describe([ops.isa()], args.peers_isa, command, LIBRARIES)
    return about | {"model": name, "threads": str(args.threads)}


def render(report: dict) -> str:
    lines = [f"# Engines on {report['about']['model']}", ""]
    lines += [f"- {key}: {value}" for key, value in report["about"].items()]
    lines += [
        "",
        "Speed: times as fast as FP32 in torch (eager), turn by turn. RSS: peak of the process, Python and torch too.",
        "Load: until it had run each shape once; what is compiled is compiled then. Equal: share of the predictions",
        "that are those of FP32. Blocks of zeros were cut without training: that row is about speed alone.",
    ]
    scored = any("equal" in result for result in report["results"].values())
    header = ["engine", *(f"{batch} x {length}" for batch, length in SHAPES), "file", "RSS", "load"]
    rows = []
    for name, result in report["results"].items():
        speeds = [f"{entry['speedup']:.2f}×" for entry in result["shapes"]]
        sizes = [f"{result['bytes'] / 1e6:.1f} MB" if result["bytes"] else "–", f"{result['rss'] / 1e6:.0f} MB"]
        scores = [f"{result['accuracy']:.2%}", f"{result['equal']:.2%}"] if scored else []
        rows.append([name, *speeds, *sizes, f"{result['load_seconds']:.1f} s", *scores])
    lines += table(header + (["accuracy", "equal"] if scored else []), rows)
    lines += [f"- {name} failed: {error}" for name, error in report["errors"].items()]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    args = parse_args()
    if args.peers_isa:
        run_again_on_avx2()
    os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
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
    expected = torch.tensor(results[FIRST].pop("predicted"))
    for name, result in results.items():
        predicted = expected if name == FIRST else torch.tensor(result.pop("predicted"))
        if prepared["labels"] is not None:
            result |= {"accuracy": score(predicted, prepared["labels"]), "equal": score(predicted, expected)}
    report = {"about": about, "results": results, "errors": errors}
    write_report(args.output, json.dumps(report, indent=1) + "\n", render(report))


if __name__ == "__main__":
    main()
