"""What `diagnosis=True` leaves in the workspace: tables for programs, and a page for people."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf.atomic import write_text
from inc_hf.coverage import Coverage
from inc_hf.inference.layers import layers_of
from inc_hf.quantize.nn import quantized_modules
from inc_hf.report.facts import Facts
from inc_hf.report.from_workspace import ACTIVATIONS, REST, SENSITIVITY, WEIGHTS, tell_of_workspace
from inc_hf.report.page import FILE, write_page
from inc_hf.report.parts import parts_in_memory
from inc_hf.tune import TuneResult, diagnose, write_diagnosis
from inc_hf.tune.diagnosis import write_table
from inc_hf.tune.ranges import ACTIVATION_COLUMNS, WEIGHT_COLUMNS, activation_ranges, weight_ranges
from inc_hf.version import versions


def keep_diagnosis(
    directory: Path,
    model: nn.Module,
    quantized: nn.Module,
    batches: Sequence[Any],
    coverage: Coverage,
    result: TuneResult | None = None,
) -> Path:
    """Write the tables and the page to a directory; returns the page.

    Args:
        model: the float model that `quantized` was made of.
        batches: a few inputs; without them no activations are seen.
        result: of the search, if there was one.
    """
    twins = quantized_modules(quantized)
    write_diagnosis(diagnose(model, quantized, batches), directory / SENSITIVITY)
    write_table(weight_ranges(model, twins), WEIGHT_COLUMNS, directory / WEIGHTS)
    write_table(activation_ranges(model, quantized, twins, batches), ACTIVATION_COLUMNS, directory / ACTIVATIONS)
    rest = {
        "about": {"Model": type(model).__name__, "Made with": f"inc_hf {versions()['inc_hf']}"},
        "tuning": _tuning(result) if result else {},
        "coverage": coverage.to_dict(),
        "parts": [vars(part) for part in parts_in_memory(model, quantized)],
    }
    write_text(directory / REST, json.dumps(rest, indent=2) + "\n")
    facts = Facts(type(model).__name__, layers=layers_of(quantized))
    tell_of_workspace(directory, facts)
    return write_page(facts, directory / FILE)


def _tuning(result: TuneResult) -> dict[str, Any]:
    goal = result.goal
    told = {"score": result.trial.score, "metric": goal.metric, "met_criterion": result.met_criterion}
    told |= {"baseline": goal.baseline, "target": goal.target, "fingerprint": result.trial.fingerprint}
    return {key: value for key, value in told.items() if value is not None}
