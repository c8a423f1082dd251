"""Texts per second of one classifier, asked by one thread, by several, in turns, in batches, and by processes.

How often the threads of the process had to wait, for the interpreter's lock above all, is counted, too.

    python scripts/bench_serving.py --model demo/fp32 --texts validation.tsv     # benchmarks/serving.{json,md}

`--texts` has a column "sentence", or else a text in its last column. Every way answers the same texts one by one, but
for those that batch what waits; each round measures all ways once, in an order of its own. Torch has one thread.
"""

import argparse
import asyncio
import csv
import json
import multiprocessing
import os
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from bench.machine import describe, write_report
from transformers import AutoModelForSequenceClassification, AutoTokenizer, PreTrainedModel

from inc_hf import IncModelForSequenceClassification, PostTrainingQuantConfig, ops, optimize, quantization

sys.path.append(str(Path(__file__).parents[1] / "examples" / "serving"))

CLIENTS = 4
Answer = Callable[[list[str]], torch.Tensor]


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="directory of a float classifier")
    parser.add_argument("--texts", type=Path, required=True)
    parser.add_argument("--samples", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/serving"))
    return parser.parse_args()


def texts_of(path: Path, count: int) -> list[str]:
    with path.open(encoding="utf-8") as file:
        head, *rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
    column = head.index("sentence") if "sentence" in head else -1
    return [row[column] for row in rows[:count]]


def answering(model: PreTrainedModel, tokenizer) -> Answer:
    @torch.inference_mode()
    def answer(texts: list[str]) -> torch.Tensor:
        return model(**tokenizer(texts, padding=True, return_tensors="pt")).logits

    return answer


def one_thread(answer: Answer, texts: list[str]) -> None:
    for text in texts:
        answer([text])


def threads(answer: Answer, texts: list[str]) -> None:
    with ThreadPoolExecutor(CLIENTS) as clients:
        list(clients.map(lambda text: answer([text]), texts))


def threads_in_turns(answer: Answer, texts: list[str]) -> None:
    lock = threading.Lock()

    def locked(texts: list[str]) -> torch.Tensor:
        with lock:
            return answer(texts)

    threads(locked, texts)


def batches(answer: Answer, texts: list[str]) -> None:
    """As many clients, whose texts wait in the queue of examples/serving/app.py."""
    from app import Batcher

    async def client(batcher: Batcher, texts: list[str]) -> None:
        for text in texts:
            await batcher.ask(text)

    async def serve() -> None:
        batcher = Batcher(answer)
        worker = asyncio.create_task(batcher.work())
        await asyncio.gather(*(client(batcher, texts[i::CLIENTS]) for i in range(CLIENTS)))
        worker.cancel()

    asyncio.run(serve())


WAYS = {
    "one thread": one_thread,
    f"{CLIENTS} threads": threads,
    f"{CLIENTS} threads, one lock": threads_in_turns,
    f"{CLIENTS} clients, one thread, batches": batches,
}


def work(directory: str, name: str, texts: list[str], ready, start, done) -> None:
    """A process of its own: answers all texts whenever it is told to."""
    torch.set_num_threads(1)
    answer = answering(load(directory, name), AutoTokenizer.from_pretrained(directory))
    one_thread(answer, texts[:8])
    ready.release()
    while True:
        start.acquire()
        one_thread(answer, texts)
        done.release()


def load(directory: str, name: str) -> PreTrainedModel:
    if name == "FP32":
        return AutoModelForSequenceClassification.from_pretrained(directory).eval()
    model = IncModelForSequenceClassification.from_pretrained(directory).eval()
    return optimize(model) if name.endswith("optimize") else model


class Processes:
    """One for each core, which wait until they are asked."""

    def __init__(self, directory: str, name: str, texts: list[str]):
        context = multiprocessing.get_context("spawn")
        self.ready, self.start, self.done = (context.Semaphore(0) for _ in range(3))
        self.count = os.cpu_count()
        self.texts = texts
        for index in range(self.count):
            part = texts[index :: self.count]
            arguments = (directory, name, part, self.ready, self.start, self.done)
            context.Process(target=work, args=arguments, daemon=True).start()  # ends with this process
        for _ in range(self.count):
            self.ready.acquire()

    def __call__(self) -> None:
        for semaphore, method in ((self.start, "release"), (self.done, "acquire")):
            for _ in range(self.count):
                getattr(semaphore, method)()


def measure(directories: dict[str, str], texts: list[str], rounds: int) -> dict[str, dict[str, dict[str, float]]]:
    """Model -> way -> texts per second and waits per text, medians of the rounds."""
    calls: dict[tuple[str, str], Callable[[], None]] = {}
    for name, directory in directories.items():
        answer = answering(load(directory, name), AutoTokenizer.from_pretrained(directory))
        for way, action in WAYS.items():
            calls[name, way] = lambda action=action, answer=answer: action(answer, texts)
        calls[name, f"{os.cpu_count()} processes, one thread each"] = Processes(directory, name, texts)
    found: dict[tuple[str, str], list[tuple[float, float]]] = {key: [] for key in calls}
    order = list(calls)
    shuffle = random.Random(0).shuffle
    for number in range(rounds + 1):
        shuffle(order)
        for key in order:
            values = rate_and_waits(calls[key], len(texts))
            if number:  # the first round warms up
                found[key].append(values)
    medians = {
        key: [statistics.median(column) for column in zip(*values, strict=True)] for key, values in found.items()
    }
    return {
        name: {
            way: {"texts_per_second": round(medians[name, way][0], 1), "waits": round(medians[name, way][1], 1)}
            for model, way in calls
            if model == name
        }
        for name in directories
    }


def rate_and_waits(call: Callable[[], None], count: int) -> tuple[float, float]:
    waits, start = resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw, time.perf_counter()
    call()
    seconds = time.perf_counter() - start
    return count / seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_nvcsw - waits) / count


def markdown(machine: dict[str, str], found: dict[str, dict[str, dict[str, float]]]) -> str:
    lines = ["# Serving: texts per second", "", *(f"- {key}: {value}" for key, value in machine.items()), ""]
    lines += ["In brackets: how often a thread of the process waited, per text (voluntary context switches).", ""]
    lines += [f"| | {' | '.join(found)} |", f"| --- |{' ---: |' * len(found)}"]
    for way in next(iter(found.values())):
        cells = [f"{rates[way]['texts_per_second']:.0f} ({rates[way]['waits']:.0f})" for rates in found.values()]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    args = parse_args()
    torch.set_num_threads(1)
    texts = texts_of(args.texts, args.samples)
    machine = describe([ops.isa()], None, ["python", "scripts/bench_serving.py", *sys.argv[1:]], ["transformers"])
    with tempfile.TemporaryDirectory() as folder:
        model = AutoModelForSequenceClassification.from_pretrained(args.model)
        tokenizer = AutoTokenizer.from_pretrained(args.model)
        quantized = quantization.fit(model, PostTrainingQuantConfig(approach="dynamic"))
        quantized.save_pretrained(folder, tokenizer, overwrite=True)
        directories = {"FP32": args.model, "INT8": folder, "INT8, optimize": folder}
        found = measure(directories, texts, args.rounds)
    write_report(
        args.output, json.dumps({"machine": machine, "texts_per_second": found}, indent=1), markdown(machine, found)
    )


if __name__ == "__main__":
    main()
