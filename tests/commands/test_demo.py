"""`inc-hf demo`: what it refuses before it trains for minutes, and what it writes."""

import json
from pathlib import Path

import pytest
from commandline import error_line

from inc_hf import config
from inc_hf.commands.main import main
from inc_hf.demo import assets, data, run


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "occupied"], "occupied is a file; choose another directory"),
        (["-o", "occupied/out"], "occupied is a file; choose another directory"),
        (["--json", "folder"], "folder is a directory; give the name of a file"),
        (["--json", "occupied/facts.json"], "occupied is a file; choose another directory"),
    ],
    ids=" ".join,
)
def test_refused(arguments, message, tmp_path, capsys):
    (tmp_path / "occupied").write_text("mine")
    (tmp_path / "folder").mkdir()
    assert main(["demo", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and message in error_line(captured.err)
    assert len(list(tmp_path.rglob("*"))) == 2


@pytest.mark.parametrize("met", [True, False], ids=["goal met", "goal missed"])
def test_the_steps_in_their_order(met, tmp_path, monkeypatch):
    """Without training: what each step gives is what the next one gets."""
    splits = data.Splits([], [("a bore", 0)], [("good", 1), ("a\tdull \n plot", 0)], "sentences")
    rows = {"FP32": {"accuracy": 1.0}}
    monkeypatch.setattr(config.options, "workspace", "")
    monkeypatch.setattr(assets, "hub_is_reachable", lambda: False)
    monkeypatch.setattr(data, "load_splits", lambda from_hub: splits)
    monkeypatch.setattr(run, "float_models", lambda *given: {"FP32": given})
    monkeypatch.setattr(run, "quantized_models", lambda floats, given, output: ({"INT8": output}, met))
    monkeypatch.setattr(run, "compare", lambda directories, held_out: (rows, len(directories)))
    shown = []
    monkeypatch.setattr(run, "show_next", lambda *given: shown.append(given))
    monkeypatch.setattr(run, "show", lambda *given: shown.append(given))
    assert main(["demo", "-o", "out", "--json", "facts.json"]) == (0 if met else 3)
    out = tmp_path / "out"
    kept = [out / "validation.tsv", out / "sentences.txt"]
    assert shown == [(rows, 2, "MiniLM-L6, 2 held-out sentences"), ({"INT8": out}, out / "fp32", kept)]
    assert [path.read_text() for path in kept] == ["sentence\tlabel\ngood\t1\na dull plot\t0\n", "a bore\n"]
    assert config.options.workspace == str(tmp_path / "out" / "workspace")
    facts = json.loads((tmp_path / "facts.json").read_text())
    assert facts["rows"] == rows and facts["threads"] == 2 and "torch" in facts["machine"]


def test_interrupted_in_the_midst(tmp_path, monkeypatch, capsys):
    """What took minutes is there as soon as it is made, and is named."""
    dense = tmp_path / "cache"
    dense.mkdir()
    (dense / "config.json").write_text("{}")
    monkeypatch.setattr(config.options, "workspace", "")
    monkeypatch.setattr(assets, "hub_is_reachable", lambda: False)
    monkeypatch.setattr(data, "load_splits", lambda from_hub: data.Splits([], [("a", 1)], [("b", 0)], "sentences"))
    monkeypatch.setattr(run, "fine_tuned_directory", lambda *given: dense)

    def interrupted(*given):
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "pruned_directory", interrupted)
    assert main(["demo"]) == 130
    assert (tmp_path / "demo" / "fp32" / "config.json").is_file()
    told = f"inc-hf: interrupted; in {tmp_path / 'demo'} there is already fp32, sentences.txt, validation.tsv\n"
    assert capsys.readouterr().err.endswith(told)


def test_where_all_of_it_is(capsys):
    out = Path("demo")
    run.show_next({"INT8": out / "int8"}, out / "fp32", [out / "validation.tsv", out / "sentences.txt"])
    told = capsys.readouterr().out
    assert "  demo/fp32\n  demo/int8\n" in told and "  demo/validation.tsv: sentences with labels" in told
