import json
from pathlib import Path

import pytest

from inc_hf.commands.main import main

OLD = "from neural_compressor import quantization\nfrom neural_compressor.torch import x\n"
NEW = (
    "from inc_hf import quantization\n"
    "# TODO(inc_hf): `neural_compressor.torch` is INC 3.X's API; here it is `inc_hf.quantization.fit`.\n"
    "from neural_compressor.torch import x\n"
)


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(OLD)
    return path


def test_the_new_source_is_printed(script, capsys):
    assert main(["migrate", str(script)]) == 0
    assert capsys.readouterr().out == NEW
    assert script.read_text() == OLD


def test_in_place_with_a_diff_and_a_report(script, capsys):
    assert main(["migrate", str(script), "--in-place", "--diff", "--report"]) == 0
    out = capsys.readouterr().out
    assert "+from inc_hf import quantization" in out
    assert f"{script}:2: `neural_compressor.torch` is INC 3.X's API; here it is `inc_hf.quantization.fit`.\n" in out
    assert script.read_text() == NEW


def test_a_folder_prints_a_diff(script, capsys):
    assert main(["migrate", str(script.parent)]) == 0
    assert "-from neural_compressor import quantization" in capsys.readouterr().out


def test_json(script, capsys):
    assert main(["migrate", str(script), "--json"]) == 0
    (data,) = json.loads(capsys.readouterr().out)
    assert data["changed"] and not data["written"] and data["changes"] == {"imports": 1}
    (place,) = data["to_do"]
    assert (place["line"], place["what"]) == (2, "from neural_compressor.torch import x")


@pytest.mark.parametrize("width", [40, 200])
def test_a_report_on_a_terminal_is_a_table_that_cuts_nothing(script, capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert main(["migrate", str(script), "--report"]) == 0
    out = capsys.readouterr().out
    assert "places to look at" in out and "…" not in out


@pytest.fixture
def folder(script):
    """With files that cannot be read."""
    (script.parent / "b.py").write_text("import neural_compressor\nx = = 1\n")
    (script.parent / "c.ipynb").write_text("{ neural_compressor")
    return script.parent


@pytest.mark.parametrize("words", [[], ["--diff"], ["--report"], ["--json"]], ids=str)
def test_files_that_cannot_be_read_are_listed(folder, capsys, words):
    assert main(["migrate", str(folder), *words]) == 5
    captured = capsys.readouterr()
    not_read = [line for line in captured.err.splitlines() if line.startswith("inc-hf: not read: ")]
    assert len(not_read) == 2 and not_read[0].endswith("invalid syntax") and "c.ipynb" in not_read[1]
    if words == ["--json"]:
        found = {Path(each["file"]).name: each.get("not_read") for each in json.loads(captured.out)}
        assert found["a.py"] is None and "line 2" in found["b.py"] and "c.ipynb" in found["c.ipynb"]
    else:
        assert "a.py" in captured.out


def test_nothing_is_written_beside_them_unless_it_is_said(folder, script, capsys):
    assert main(["migrate", str(folder), "--in-place"]) == 2
    said = capsys.readouterr().err
    assert "b.py, line 2" in said and "c.ipynb" in said and "--skip-unreadable" in said
    assert script.read_text() == OLD
    assert main(["migrate", str(folder), "--in-place", "--skip-unreadable"]) == 5
    assert script.read_text() == NEW


WRONG = {
    "an empty folder": (["{folder}/empty"], "has no script"),
    "of a conf": (["{script}", "--to", "json"], "--to is for a conf.yaml"),
    "of a script": (["{folder}/c.yaml", "--diff"], "--diff is for scripts"),
    "unreadable conf": (["{folder}/c.yaml", "--skip-unreadable"], "--skip-unreadable is for scripts"),
    "json of a conf": (["{folder}/c.yaml", "--json"], "--to json"),
    "no such file": (["{folder}/none.py"], "none.py"),
    "another file": (["{folder}/a.txt"], "is none of those"),
    "no python": (["{folder}/wrong.py"], "wrong.py, line 2"),
}


@pytest.mark.parametrize("words, said", WRONG.values(), ids=WRONG)
def test_wrong_command_lines(script, capsys, words, said):
    folder = script.parent
    (folder / "empty").mkdir()
    for name in ("c.yaml", "a.txt"):
        (folder / name).write_text("")
    (folder / "wrong.py").write_text("import neural_compressor\nx = = 1\n")
    assert main(["migrate", *(word.format(folder=folder, script=script) for word in words)]) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.out == ""


def test_without_libcst_it_says_what_to_install(script, capsys, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "libcst", None)
    assert main(["migrate", str(script)]) == 2
    assert "pip install 'inc-hf[migrate]'" in capsys.readouterr().err
