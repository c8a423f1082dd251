"""`inc-hf migrate` of a conf.yaml."""

import json

import pytest

from inc_hf.commands.main import main
from inc_hf.config import WeightPruningConfig
from inc_hf.migrate.conf import read_conf
from inc_hf.migrate.conf.python_code import python_code

TEXT = """model: {name: bert, framework: pytorch}
pruning:
  approach:
    weight_compression:
      end_epoch: 2
      initial_sparsity: 0.1
tuning: {random_seed: 7, strategy: {name: basic, accuracy_weight: 1.0}}
"""


@pytest.fixture
def conf(tmp_path):
    path = tmp_path / "conf.yaml"
    path.write_text(TEXT)
    return path


def test_python(conf, capsys):
    assert main(["migrate", str(conf)]) == 0
    out = capsys.readouterr().out
    assert out == python_code(read_conf(conf)).text()
    assert "end_step=2 * steps_per_epoch" in out and "set_random_seed(7)" in out
    assert "# Left out: `tuning.strategy.accuracy_weight` (line 7)" in out
    assert conf.read_text() == TEXT


def test_json(conf, capsys):
    assert main(["migrate", str(conf), "--to", "json", "--steps-per-epoch", "10"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert WeightPruningConfig.from_dict(content["configs"]["pruning"]).end_step == 20
    assert content["options"] == {"random_seed": 7}
    assert content["ignored"][0].keys() == {"key", "line", "reason"}


def test_to_a_file(conf, tmp_path, capsys):
    assert main(["migrate", str(conf), "-o", str(tmp_path / "conf.py")]) == 0
    assert capsys.readouterr().out == ""
    assert (tmp_path / "conf.py").read_text() == python_code(read_conf(conf)).text()


WRONG = {
    "epochs": (["--to", "json"], r"--steps-per-epoch N"),
    "steps for Python": (["--steps-per-epoch", "3"], r"--steps-per-epoch is for --to json"),
    "no steps": (["--to", "json", "--steps-per-epoch", "0"], "of at least 1"),
    "another form": (["--to", "yaml"], "choose from"),
    "itself": (["-o", "conf.yaml"], "is the file that is read"),
    "a directory": (["-o", "."], "is a directory"),
    "no directory": (["-o", "nothing/conf.py"], "There is no directory 'nothing'"),
}


@pytest.mark.parametrize("arguments, says", WRONG.values(), ids=WRONG)
def test_wrong_command_lines(conf, tmp_path, monkeypatch, capsys, arguments, says):
    monkeypatch.chdir(tmp_path)
    assert main(["migrate", "conf.yaml", *arguments]) == 2
    captured = capsys.readouterr()
    assert says in captured.err and captured.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["conf.yaml"] and conf.read_text() == TEXT


def test_wrong_sources(tmp_path, capsys):
    (tmp_path / "a.txt").write_text(TEXT)
    (tmp_path / "b.yml").write_text("model: {name: a, framework: tensorflow}\n")
    wrong = {"nothing.yaml": "no file", "a.txt": "a.txt is no", "b.yml": "b.yml, line 1: `model.framework`"}
    for name, says in wrong.items():
        assert main(["migrate", str(tmp_path / name)]) == 2
        err = capsys.readouterr().err
        assert says in err and err.count("\n") == 1
