"""`inc-hf report`, in this process."""

from pathlib import Path

import pytest
from commandline import error_line
from reporting import Page, write_workspace
from tiny import quantized

from inc_hf.commands.main import main


def test_a_checkpoint(capsys):
    quantized("bert").save_pretrained("out")
    assert main(["report", "out"]) == 0
    assert "report.html" in capsys.readouterr().out
    page = Page(Path("report.html").read_text())
    assert "BertForSequenceClassification" in page.sections[""]
    assert {"Left in float", "Size of each part", "Zeros of each layer"} < page.sections.keys()
    assert main(["report", "out"]) == 0, "a page of ours is replaced"


def test_a_workspace(capsys):
    write_workspace(Path("work"))
    assert main(["report", "work", "-o", "pages/mine.html"]) == 0
    assert "Trials" in Page(Path("pages/mine.html").read_text()).sections


WRONG = {
    "no directory": (["absent"], "no such directory"),
    "a file": (["notes.html"], "it is a file"),
    "nothing in it": (["empty"], "neither a checkpoint"),
    "a damaged file": (["damaged"], "history.json is not a tuning history"),
    "weights cut off": (["cut"], "truncated"),
    "to a directory": (["work", "-o", "empty"], "is a directory"),
    "over a file of others": (["work", "-o", "notes.html"], "add --overwrite"),
    "below a file": (["work", "-o", "notes.html/page.html"], "is a file"),
}


@pytest.mark.parametrize("arguments, words", WRONG.values(), ids=WRONG)
def test_bad_input(capsys, arguments, words, model_dir):
    Path("notes.html").write_text("mine")
    Path("empty").mkdir()
    write_workspace(Path("work"))
    (write_workspace(Path("damaged")) / "history.json").write_text("{")
    Path("cut").mkdir()
    for name in ("config.json", "model.safetensors"):
        Path("cut", name).write_bytes((model_dir / name).read_bytes()[: 3000 if "model" in name else None])
    before = sorted(Path().rglob("*"))
    assert main(["report", *arguments]) == 2
    assert words in error_line(capsys.readouterr().err)
    assert sorted(Path().rglob("*")) == before and Path("notes.html").read_text() == "mine"
