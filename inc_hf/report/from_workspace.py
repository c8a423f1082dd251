"""What the workspace of a search tells: its trials, and the tables of `diagnosis=True`."""

from pathlib import Path
from typing import Any

from inc_hf.coverage import Coverage
from inc_hf.report.facts import Facts, Part
from inc_hf.report.reading import damaged, read_dict, read_table
from inc_hf.tune.diagnosis import COLUMNS
from inc_hf.tune.history import FILE, trials_in
from inc_hf.tune.ranges import ACTIVATION_COLUMNS, WEIGHT_COLUMNS

SENSITIVITY, WEIGHTS, ACTIVATIONS = "diagnosis.csv", "weights_table.csv", "activations_table.csv"
REST = "diagnosis.json"
FILES = (FILE, SENSITIVITY, WEIGHTS, ACTIVATIONS)


def tell_of_workspace(directory: Path, facts: Facts) -> None:
    """Add what is in the files of a workspace; what the checkpoint itself says stays."""
    if (history := directory / FILE).is_file():
        facts.trials = trials_in(history)
    facts.sensitivity = read_table(directory / SENSITIVITY, COLUMNS, ("module", "scheme"))
    facts.weights = read_table(directory / WEIGHTS, WEIGHT_COLUMNS)
    facts.activations = read_table(directory / ACTIVATIONS, ACTIVATION_COLUMNS)
    rest = read_dict(directory / REST)
    with damaged(directory / REST):
        facts.about = facts.about or {str(k): str(v) for k, v in rest.get("about", {}).items()}
        facts.tuning = _merged(facts.tuning, dict(rest.get("tuning", {})))
        facts.parts = facts.parts or [Part(**part) for part in rest.get("parts", [])]
        if facts.coverage is None and (coverage := rest.get("coverage")):
            facts.coverage = Coverage.from_dict(coverage)


def _merged(of_checkpoint: dict[str, Any], of_diagnosis: dict[str, Any]) -> dict[str, Any]:
    """What both tell of a search, if it was the same one."""
    is_same = all(of_diagnosis.get(key) == of_checkpoint.get(key) for key in ("score", "baseline"))
    return {**of_diagnosis, **of_checkpoint} if is_same or not of_checkpoint else of_checkpoint
