"""One process of `bench_peers.py` in the environment of vLLM, which plans batches by itself and needs no padding."""

import os
import time
from pathlib import Path
from typing import Any

# One process, and as many threads as the benchmark says.
os.environ |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR"}

from bench.work import bytes_of_weights, works_of
from vllm import LLM

from inc_hf.benchmark.batches import Batch, read_batches
from inc_hf.benchmark.worker import Call, serve


def texts_of(batches: list[Batch]) -> list[dict[str, list[int]]]:
    pairs = [pair for batch in batches for pair in zip(batch["input_ids"], batch["attention_mask"], strict=True)]
    return [{"prompt_token_ids": ids[: mask.sum()].tolist()} for ids, mask in pairs]


def load(task: dict[str, Any]) -> tuple[Call, dict[str, Any]]:
    """As of `peer_worker`. Texts of a stream come all at once, unless they are to come one by one."""
    os.environ["VLLM_CPU_OMP_THREADS_BIND"] = ",".join(map(str, task["cpus"]))
    begun = time.perf_counter()
    folder = Path(task["folder"])
    settings = {
        "runner": "pooling",
        "distributed_executor_backend": "uni",
        "max_model_len": 512,
        "gpu_memory_utilization": 0.2,  # of the CPU's memory, in spite of its name
    }
    model = LLM(str(folder / "model"), dtype="bfloat16", **settings)
    works = [[texts_of([batch]) for batch in work] for work in works_of(task)]
    works = [work if len(work[0]) == 1 else [sum(work, [])] for work in works]

    def call(index: int) -> int:
        for texts in (work := works[index % len(works)]):
            model.classify(texts, use_tqdm=False)
        return sum(map(len, work))

    call(0)
    facts = {"load_seconds": time.perf_counter() - begun, "bytes": bytes_of_weights(folder), "predicted": []}
    if task["sentences"]:
        found = model.classify(texts_of(read_batches(task["sentences"])), use_tqdm=False)
        facts["predicted"] = [max(range(len(p)), key=p.__getitem__) for p in (each.outputs.probs for each in found)]
    return call, facts


if __name__ == "__main__":
    serve(load)
