"""scripts/bench_kernels.py on one small layer."""

import json
import sys
from pathlib import Path

import pytest
import torch

from inc_hf import ops

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def bench(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)
    monkeypatch.setattr(torch.backends.quantized, "engine", torch.backends.quantized.engine)  # the script chooses
    import bench_kernels

    def run(*options: str | Path) -> None:
        monkeypatch.setattr(sys, "argv", ["bench_kernels.py", *map(str, options)])
        bench_kernels.main()

    return run


@pytest.mark.skipif(not ops.is_available(), reason="needs the kernels")
def test_measures_and_renders(bench, tmp_path):
    isa = ops.supported_isas()[0]
    sizes = ["--threads", "1", "--rows", "4", "128", "--shapes", "64x128"]
    bench("--isa", isa, *sizes, "--seconds", "0.01", "--output", tmp_path)
    report = json.loads((tmp_path / "kernels.json").read_text())
    measured = [(entry["rows"], entry["in"], entry["out"], entry["warm"]) for entry in report["linear"]]
    assert measured == [(4, 64, 128, False), (4, 64, 128, True), (128, 64, 128, False)]
    for entry in report["linear"]:
        assert all(times["p10"] <= times["median"] <= times["p90"] for times in entry["us"].values())
        # 8 bits for 64 weights and 64 activations: about half a per cent, if the same layer is computed.
        assert all(error < 0.02 for name, error in entry["error"].items() if name.startswith(isa))
    markdown = (tmp_path / "kernels.md").read_text()
    assert f"### {isa}, 1 thread" in markdown and "128 x (64, 128)" in markdown

    (tmp_path / "kernels.md").unlink()
    bench("--render", tmp_path / "kernels.json")
    assert (tmp_path / "kernels.md").read_text() == markdown


@pytest.mark.parametrize(
    ("sparse_us", "expected"),
    [([9, 8, 7, 6, 5, 4, 3, 2], 20), ([14, 12, 8, 6, 5, 4, 3, 2], 35), ([18, 17, 16, 15, 14, 13, 12, 11], 100)],
    ids=["always", "between", "never"],
)
def test_crossover(monkeypatch, sparse_us, expected):
    monkeypatch.syspath_prepend(SCRIPTS)
    from bench.candidates import ZEROS, dense_name, sparse_name
    from bench.report import Row

    times = {sparse_name("avx2", 7, zeros): us for zeros, us in zip(ZEROS, sparse_us, strict=True)}
    times[dense_name("avx2", 7)] = 10
    assert Row({"us": {name: {"median": us} for name, us in times.items()}}).crossover("avx2", 7) == expected
