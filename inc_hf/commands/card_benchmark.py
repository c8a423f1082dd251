"""What `inc-hf benchmark DIR --json FILE` has measured, for a card."""

import logging
from pathlib import Path
from typing import Any

from inc_hf.benchmark.measurement import Measurement
from inc_hf.benchmark.result import BenchmarkResult
from inc_hf.benchmark.statistics import Latency
from inc_hf.errors import UsageError
from inc_hf.models.json_files import read_object

logger = logging.getLogger(__name__)
ABOUT = {"cpu": "machine", "batches": "batches", "versions": "versions", "date": "date"}  # there -> in a card


def with_benchmark(summary: dict[str, Any], file: Path) -> dict[str, Any]:
    """A summary with the times and, if there are any, the scores of a file.

    Raises:
        UsageError: it is no such file, or of another model.
    """
    found = read_result(file)
    ours, first = found.measurements[-1], found.measurements[0]
    if ours.bytes != summary["size"]["weights"]:
        raise UsageError(
            f"{file} is of another model: its weights have {ours.bytes} bytes, those here "
            f"{summary['size']['weights']}; measure this one with `inc-hf benchmark`."
        )
    about = {ABOUT[key]: found.about[key] for key in ABOUT}
    summary = {**summary, "measured": {**about, "agreement": ours.agreement}}
    if found.has_speeds:
        before = first.latency.p50 if first is not ours else None
        summary["measured"] |= {"ms": ours.latency.p50, "fp32_ms": before}
    else:
        logger.warning("The machine was too noisy for the times in %s to say anything; they are left out.", file)
    if ours.score is not None:
        score = {"met_criterion": None, "baseline": first.score, "score": ours.score, **(found.scored_on or {})}
        summary["tuning"] = {key: value for key, value in score.items() if value is not None or key == "met_criterion"}
    return summary


def read_result(file: Path) -> BenchmarkResult:
    """What `BenchmarkResult.to_json_file` wrote."""
    values = read_object(file)
    try:
        values["measurements"] = [
            Measurement(**{**m, "latency": Latency(**m["latency"])}) for m in values["measurements"]
        ]
        found = BenchmarkResult(**values)
        is_whole = bool(found.measurements) and found.about.keys() >= ABOUT.keys()
    except (KeyError, TypeError, AttributeError):
        is_whole = False
    if not is_whole:
        raise UsageError(f"{file} is not what `inc-hf benchmark DIR --json FILE` writes; measure DIR with it.")
    return found
