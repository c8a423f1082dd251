"""From turns to a result, with what is to be known before believing it."""

import datetime
import os
import statistics

import torch

from inc_hf.benchmark.batches import Batch, size_of
from inc_hf.benchmark.cores import counted
from inc_hf.benchmark.instances import BenchmarkError, Instance
from inc_hf.benchmark.measure import Turns
from inc_hf.benchmark.measurement import Measurement
from inc_hf.benchmark.reasons import why_slow
from inc_hf.benchmark.result import HOPELESS, HOPELESS_SCATTER, NOISE_LIMIT, BenchmarkResult
from inc_hf.benchmark.statistics import Latency, ratio, spread, throughput
from inc_hf.version import versions

AGAIN = "the first one again"
UNEVEN = 1.25  # how many times as large one of two figures of the speed may be as the other


def conclude(groups: dict[str, list[Instance]], turns: Turns, about: dict[str, str], tokens: int) -> BenchmarkResult:
    """The measurements of all models but [`AGAIN`], which tells how noisy the machine is.

    Args:
        tokens (`int`): in the largest batch.

    Raises:
        BenchmarkError: the instances of a model never ran at the same time.
    """
    first = next(iter(groups))
    speeds = _speeds(turns)
    found = {name: _measurement(name, groups[name], turns[name], speeds, first) for name in groups}
    noise = abs(found.pop(AGAIN).speedup - 1)
    scatter = spread(speeds[first])
    notes = [_noise_note(first, noise, scatter)]
    slow = [m for m in list(found.values())[1:] if m.speedup < 1 - noise]
    notes += [_slow_note(measurement, tokens) for measurement in slow]
    notes += [note for measurement in found.values() if (note := _uneven_note(measurement, found[first]))]
    return BenchmarkResult(list(found.values()), noise, about, notes, scatter)


def _speeds(turns: Turns) -> dict[str, list[float]]:
    """Of each round in which all instances of every model ran at the same time: the others say nothing of it."""
    speeds = {name: [throughput(windows) for windows in rounds] for name, rounds in turns.items()}
    if apart := [name for name, found in speeds.items() if not any(found)]:
        raise BenchmarkError(
            f"The instances of {', '.join(apart)} did not run at the same time; measure for longer (`iteration`, "
            "`seconds`), or end other programs."
        )
    together = [all(of_round) for of_round in zip(*speeds.values(), strict=True)]
    if not any(together):
        raise BenchmarkError(
            "In no round did all instances run at the same time; measure for longer, or end other programs."
        )
    return {name: [s for s, use in zip(found, together, strict=True) if use] for name, found in speeds.items()}


def _measurement(
    name: str, instances: list[Instance], rounds: list, speeds: dict[str, list[float]], first: str
) -> Measurement:
    return Measurement(
        name=name,
        latency=Latency.of(s for windows in rounds for window in windows for s in window.latencies()),
        throughput=statistics.median(speeds[name]),
        speedup=ratio(speeds[name], speeds[first]),
        peak_rss=max(instance.peak_rss for instance in instances),
        load_seconds=max(instance.load_seconds for instance in instances),
        bytes=instances[0].facts["bytes"],
        facts=instances[0].facts,
    )


def _noise_note(first: str, noise: float, scatter: float) -> str:
    how = (
        f"{first} was measured twice, in processes of its own: they differ by {noise:.1%}, and its turns scatter by "
        f"{scatter:.0%}."
    )
    is_hopeless = noise > HOPELESS or scatter > HOPELESS_SCATTER
    if noise <= NOISE_LIMIT and not is_hopeless:
        return how
    none = " So no speed is given." if is_hopeless else ""
    limit = f"Differences below {max(2 * noise, scatter):.0%} mean nothing; end other programs."
    return f"This machine is noisy. {how} {limit}{none}"


def _slow_note(measurement: Measurement, tokens: int) -> str:
    reasons = " ".join(why_slow(measurement.facts, tokens))
    return f"{measurement.name} is slower than what it is compared with ({measurement.speedup:.2f}×). {reasons}"


def _uneven_note(measurement: Measurement, first: Measurement) -> str | None:
    """A word where the times that are shown make another ratio than the speed."""
    of_medians = first.latency.p50 / measurement.latency.p50
    if max(of_medians / measurement.speedup, measurement.speedup / of_medians) <= UNEVEN:
        return None
    return (
        f"{measurement.name} is {measurement.speedup:.2f}× as fast by samples per second, and {of_medians:.2f}× by "
        "the median call: a few calls took much longer than the others. Measure for longer (`iteration`, `seconds`)."
    )


def largest_batch(batches: list[Batch]) -> int:
    """Tokens in the largest batch; samples, where there are none."""
    return max(batch["input_ids"].numel() if "input_ids" in batch else size_of(batch) for batch in batches)


def sizes_of(batches: list[Batch]) -> str:
    """The shape of the batches, in words."""
    shapes = {tuple(next(iter(batch.values())).shape) for batch in batches}
    return f"batches of {' x '.join(map(str, shapes.pop())) if len(shapes) == 1 else 'several sizes'}"


def describe(model_name: str, cpus: list[list[int]], batches: str) -> dict[str, str]:
    """What was measured, and on what machine."""
    instances, cores = counted(len(cpus), "instance"), counted(len(cpus[0]), "core")
    return {
        "batches": f"{model_name + ': ' if model_name else ''}{batches}, {instances} of {cores}",
        "cpus": "; ".join(",".join(map(str, each)) for each in cpus),
        "cpu": f"{os.cpu_count()} x {torch.cpu.get_capabilities().get('cpu_name', 'unknown')}",
        "vector instructions": torch.backends.cpu.get_cpu_capability(),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "date": datetime.date.today().isoformat(),
    }
