"""One process of `bench_peers.py`: makes the model of a peer, or loads it and takes its turns."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from bench.peers import PEERS
from bench.work import bytes_of_weights, works_of

from inc_hf.benchmark.batches import read_batches, size_of
from inc_hf.benchmark.worker import Call, serve


def load(task: dict[str, Any]) -> tuple[Call, dict[str, Any]]:
    """What `serve` asks for; predictions on `task["sentences"]`, if there are any, are among the facts."""
    torch.set_num_threads(task["threads"])
    begun = time.perf_counter()
    engine, folder, works = PEERS[task["peer"]], Path(task["folder"]), works_of(task)
    run = engine.load(task["models"][engine.source], folder, task["threads"])

    def call(index: int) -> int:
        for batch in (batches := works[index % len(works)]):
            run(batch)
        return sum(map(size_of, batches))

    call(0)
    facts = {"load_seconds": time.perf_counter() - begun, "bytes": bytes_of_weights(folder), "predicted": []}
    if task["sentences"]:
        logits = torch.cat([run(batch).float() for batch in read_batches(task["sentences"])])
        facts["predicted"] = logits.argmax(-1).tolist()
    return call, facts


def make(task: dict[str, Any]) -> None:
    """Write what the peer needs to its folder."""
    engine = PEERS[task["peer"]]
    engine.make(task["models"][engine.source], Path(task["folder"]), read_batches(task["calibration"]))


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        make(json.loads(sys.stdin.readline()))
    else:
        serve(load)
