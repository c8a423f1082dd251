"""Engines that are loaded side by side and take turns on each work."""

import argparse
import json
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from bench.engines.engine import Engine
from bench.peers import PEERS
from bench.work import SHAPES, WORKS

from inc_hf.benchmark.cores import physical_cores
from inc_hf.benchmark.instances import BenchmarkError, Instance, started
from inc_hf.benchmark.measure import take_turns
from inc_hf.benchmark.statistics import Latency, ratio, throughput

FIRST = "torch FP32"  # in each group; the others are divided by it
Groups = dict[str, list[Instance]]
Errors = dict[str, str]


def measure(names: list[str], task: dict, folder: Path, args: argparse.Namespace) -> tuple[dict, Errors]:
    """Results and errors of some engines, beside the first one."""
    errors: Errors = {}
    with ExitStack() as stack:
        groups = loaded([FIRST, *names], task, folder, args, errors, stack)
        results: dict[str, dict] = {name: {"works": {}} for name in groups}
        for index, work in enumerate(WORKS):
            able = {n: group for n, group in groups.items() if index < len(SHAPES) or PEERS[n].any_length}
            for name, entry in of_work(able, index, args.seconds, errors).items():
                results[name]["works"][work] = entry
        for name, (instance,) in groups.items():
            facts = {"rss": instance.peak_rss, "load_seconds": instance.load_seconds, **instance.facts}
            results[name] |= facts
    return {name: result for name, result in results.items() if name not in errors}, errors


def loaded(names: list[str], task: dict, folder: Path, args: argparse.Namespace, errors: Errors, stack) -> Groups:
    cpus = [core[0] for core in physical_cores()[-args.threads :]]
    groups = {}
    for name in names:
        own = folder / str(list(PEERS).index(name))
        if not own.exists() and (error := made(name, task, own)):
            errors[name] = error
            print(f"{name}: {error}", flush=True)
            continue
        begun = time.perf_counter()
        warmup = len(WORKS) if PEERS[name].any_length else len(SHAPES)
        own_task = {**task, "peer": name, "folder": str(own), "warmup": warmup}
        instance = Instance(name, own_task, cpus, worker_of(name, args.vllm))
        try:
            groups[name] = stack.enter_context(started([instance]))
            print(f"{name}: ready after {time.perf_counter() - begun:.0f} s", flush=True)
        except BenchmarkError as error:
            errors[name] = str(error)
            print(error, flush=True)
    return groups


def made(name: str, task: dict, folder: Path) -> str | None:
    """Let a process write what a peer needs; the error, if there was one."""
    folder.mkdir(parents=True)
    message = json.dumps({**task, "peer": name, "folder": str(folder)}) + "\n"
    command = [sys.executable, "-m", "bench.peer_worker", "make"]
    result = subprocess.run(command, input=message, capture_output=True, text=True, check=False)
    return None if result.returncode == 0 else " ".join(result.stderr.strip().splitlines()[-1:])


def worker_of(name: str, vllm: Path) -> list[str]:
    module = PEERS[name].worker
    return [sys.executable if module == Engine.worker else str(vllm / "bin/python"), "-m", module]


def of_work(groups: Groups, index: int, seconds: float, errors: Errors) -> dict[str, dict]:
    """Times of one work, by engine."""
    turns = turns_of_those_that_live(groups, errors, seconds, index)
    speeds = {name: [throughput(windows) for windows in rounds] for name, rounds in turns.items()}
    entries = {}
    for name, rounds in turns.items():
        latency = Latency.of(s for windows in rounds for w in windows for s in w.latencies())
        entries[name] = {
            "latency": latency.to_dict(),
            "speedup": ratio(speeds[name], speeds[FIRST]),
            "throughput": statistics.median(speeds[name]),
        }
    return entries


def turns_of_those_that_live(groups: Groups, errors: Errors, seconds: float, work: int) -> dict:
    """Turns on one of the works; an engine that ends meanwhile is taken out of `groups`."""
    while True:
        try:
            return take_turns(groups, seconds, batch=work)
        except BenchmarkError as error:
            dead = [name for name, (instance,) in groups.items() if instance.process.poll() is not None]
            print(error, flush=True)
            for name in dead:
                errors[name] = str(error)
                del groups[name]
