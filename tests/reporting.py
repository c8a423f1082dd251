"""A workspace and a training as files, and a page taken apart."""

import json
from collections import Counter
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

from inc_hf.tune import Trial
from inc_hf.tune.ranges import ACTIVATION_COLUMNS, WEIGHT_COLUMNS

EVIL = "<script>alert('&\"')</script>"
TRIALS = [
    Trial("static", "a", 0.91, 2.0, 400_000, False, 11, 0.95),
    Trial("one in float", "b", 0.949, 2.5, 500_000, True, 10, 0.95, 0.5),
    Trial("two in float", "c", 0.95, 2.5, 600_000, True, 9, 0.95, 0.75),
]
LOG = [
    {"step": 10, "epoch": 0.5, "loss": 0.7, "learning_rate": 1e-4, "pruning/sparsity": 0.1},
    {"step": 20, "epoch": 1.0, "loss": 0.5, "learning_rate": 1e-5, "pruning/sparsity": 0.4},
    {"step": 20, "epoch": 1.0, "eval_loss": 0.6, "eval_accuracy": 0.75, "eval_runtime": 3.0},
    {"step": 20, "epoch": 1.0, "train_runtime": 9.0, "train_loss": 0.6},
]
LEFT = {"reason": "back in float", "modules": 1, "weights": 20, "examples": ["encoder"], "asked": False}
REST = {
    "about": {"Model": "Net"},
    "tuning": {"score": 0.949, "baseline": 0.95, "target": 0.94, "metric": "f1", "met_criterion": True},
    "coverage": {"share": 0.8, "verb": "Quantized", "weights": 100, "changed": 80, "left": [LEFT]},
    "parts": [{"name": "head", "bytes": 100, "float_bytes": 400}],
}


def write_workspace(folder: Path, name: str = "head") -> Path:
    """All files of a diagnosis, whose first module has this name."""
    folder.mkdir(parents=True, exist_ok=True)
    history = {"version": 1, "baseline": 0.95, "trials": [asdict(trial) for trial in TRIALS]}
    (folder / "history.json").write_text(json.dumps(history))
    quoted = '"' + name.replace('"', '""') + '"'
    rows = [f"{quoted},W8A8 dynamic,0.001,0.25", "tail,W8,0.002,"]
    (folder / "diagnosis.csv").write_text("\n".join(["module,scheme,weight_error,output_error", *rows, ""]))
    for file, columns, last in (("weights", WEIGHT_COLUMNS, 1e-6), ("activations", ACTIVATION_COLUMNS, 0.125)):
        lines = [",".join(columns), f"{quoted},-1,2,-0.5,1.5,{last}", "tail,-3,4,-3,4,0"]
        (folder / f"{file}_table.csv").write_text("\n".join([*lines, ""]))
    rest = json.dumps(REST).replace('"head"', json.dumps(name))
    (folder / "diagnosis.json").write_text(rest)
    return folder


def write_training(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": LOG}))
    return folder


class Page(HTMLParser):
    """The elements of a page, their texts by heading, and what it would fetch."""

    def __init__(self, text: str):
        super().__init__()
        self.elements, self.fetched, self.sections, self.open = Counter(), [], {"": ""}, []
        self.feed(text)
        assert self.open == [], "each element is closed"
        assert "url(" not in text and "@import" not in text

    def handle_starttag(self, tag, attributes):
        self.elements[tag] += 1
        self.open.append(tag)
        self.fetched += [v for k, v in attributes if k in ("src", "href", "data", "action") or k.startswith("on")]

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["h2"]:
            self.sections[data] = ""
        elif "style" not in self.open:
            self.sections[list(self.sections)[-1]] += data + (" " if self.open[-1:] != ["code"] else "")
