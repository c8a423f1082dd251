"""One process of `bench_peers.py`: makes the model of a peer, or loads it and takes its turns."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from bench.peers import PEERS

from inc_hf.benchmark.batches import read_batches, size_of
from inc_hf.benchmark.worker import Call, serve


def load(task: dict[str, Any]) -> tuple[Call, dict[str, Any]]:
    """What `serve` asks for; predictions on `task["sentences"]`, if there are any, are among the facts."""
    torch.set_num_threads(task["threads"])
    begun = time.perf_counter()
    batches = read_batches(task["batches"])
    folder = Path(task["folder"])
    run = PEERS[task["peer"]].load(task["model"], folder, task["threads"])

    def call(index: int) -> int:
        batch = batches[index % len(batches)]
        run(batch)
        return size_of(batch)

    for index in range(len(batches)):
        call(index)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.suffix in SUFFIXES)
    facts = {"bytes": size, "load_seconds": time.perf_counter() - begun, "predicted": []}
    if task["sentences"]:
        logits = torch.cat([run(batch).float() for batch in read_batches(task["sentences"])])
        facts["predicted"] = logits.argmax(-1).tolist()
    return call, facts


SUFFIXES = {".safetensors", ".onnx", ".data", ".bin"}


def make(task: dict[str, Any]) -> None:
    """Write what the peer needs to its folder."""
    PEERS[task["peer"]].make(task["model"], Path(task["folder"]), read_batches(task["calibration"]))


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make(json.loads(sys.stdin.readline()))
    else:
        serve(load)
