"""scripts/bench_pruning.py on a tiny model."""

import json
import sys
from pathlib import Path

import torch
from tiny import ENCODER


def test_measures_and_renders(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "scripts")
    import bench_pruning

    monkeypatch.setattr(bench_pruning, "CONFIG", ENCODER)
    options = "--rounds 2 --frequency 2 --batch 2 --length 4 --patterns 4x1 2:4 --threads 1 --output".split()
    monkeypatch.setattr(sys, "argv", ["bench_pruning.py", *options, str(tmp_path)])
    bench_pruning.main()
    report = json.loads((tmp_path / "pruning_cost.json").read_text())
    assert [entry["pattern"] for entry in report["entries"]] == ["4x1", "2:4"]
    for entry in report["entries"]:
        assert entry["step_ms"] > 0 and len(entry["update"]) == len(entry["static"]) == 2
        assert min(entry["update"] + entry["static"]) > 0
    text = (tmp_path / "pruning_cost.md").read_text()
    assert f"torch {torch.__version__}" in text and "| 2:4 |" in text
