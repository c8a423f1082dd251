"""scripts/bench_slim.py on a tiny model."""

import json
import sys
from pathlib import Path

from tiny import ENCODER

from inc_hf.compression import pruner


def test_measures_and_renders(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "scripts")
    import bench_slim

    monkeypatch.setattr(bench_slim, "CONFIG", ENCODER)
    monkeypatch.setattr(bench_slim, "BATCHES", ((2, 4),))
    monkeypatch.setattr(bench_slim, "model_slim", lambda model: pruner.model_slim(model, round_multiplier=16))
    monkeypatch.setattr(sys, "argv", ["bench_slim.py", "--threads", "1", "--seconds", "0", "--output", str(tmp_path)])
    bench_slim.main()
    report = json.loads((tmp_path / "slim.json").read_text())
    dense, slim = report["parameters"]["FP32"], report["parameters"]["FP32 slim"]
    removed = 4 * 16 * 8 + 3 * 8 + 16 * 33  # one head of two, 16 columns of 32
    assert dense["model"] - slim["model"] == dense["encoder"] - slim["encoder"] == removed
    assert list(report["entries"][0]["us"]) == ["FP32", "FP32 slim", "INT8", "INT8 slim"]
    assert "| 1 | 2 x 4 |" in (tmp_path / "slim.md").read_text()
