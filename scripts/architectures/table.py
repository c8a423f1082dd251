"""The results as JSON and as a table."""

import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from architectures.checks import STEPS
from architectures.outcome import Result
from bench.machine import describe, write_report
from bench.report import table

from inc_hf import ops

LEGEND = """Every model is tiny, with random weights. A number is the largest relative error of an output: dynamic,
static, weight_only and bf16 against the float model; load, stock, optimize and onnx against the quantized model in
memory."""


def write(output: Path, results: list[Result], without: list[str], kept: Sequence[Result] = ()) -> None:
    """The results, and those that are `kept` of the table that is there."""
    command = ["python", *(sys.argv if sys.argv[0] else ["scripts/check_architectures.py"])]
    about = describe([ops.isa()], None, command, ("transformers", "compressed-tensors", "onnx", "onnxruntime"))
    if kept:
        before = _about(output)
        runs = [before["lines of before"]] if "lines of before" in before else []
        about["lines of before"] = "; ".join([*runs, f"{len(kept)} after {before['command']}, {before['date']}"])
    results = sorted([*results, *kept], key=lambda result: result.model_type)
    report = {"about": about, "results": [result.to_dict() for result in results]}
    write_report(
        output,
        json.dumps(report, indent=1) + "\n",
        render(about, results, [step for step in STEPS if step not in without]),
    )


def _about(output: Path) -> dict[str, str]:
    return json.loads(output.with_suffix(".json").read_text())["about"]


def right_ones(output: Path, but: Collection[str]) -> list[Result]:
    """What is without faults in the table of an earlier run, those named in `but` left out."""
    report = json.loads(output.with_suffix(".json").read_text())
    results = [Result.from_dict(values) for values in report["results"]]
    return [result for result in results if not result.faults and result.model_type not in but]


def render(about: dict[str, str], results: list[Result], steps: list[str]) -> str:
    built = [result for result in results if not result.skipped]
    skipped = [result for result in results if result.skipped]
    faults = [result for result in built if result.faults]
    lines = ["# Architectures of transformers", "", *(f"- {key}: {value}" for key, value in about.items()), ""]
    lines += [f"{len(built)} architectures, {len(faults)} with faults.", "", LEGEND]
    rows = [
        [
            result.model_type,
            result.model_class,
            f"{result.share:.0%}",
            result.format,
            *(result.steps[step].cell() if step in result.steps else "–" for step in steps),
            result.left,
        ]
        for result in built
    ]
    lines += table(["type", "class", "INT8", "format", *steps, "in float"], rows)
    lines += ["## Refusals and faults", ""]
    for result in built:
        for step, outcome in result.steps.items():
            if outcome.note and outcome.verdict != "right":
                lines.append(f"- {result.model_type}, {step}: {outcome.note.replace('|', '/')}")
    lines += ["", "## Not built", ""]
    lines += [f"- {result.model_type}: {result.skipped}" for result in skipped]
    return "\n".join(lines).rstrip() + "\n"
