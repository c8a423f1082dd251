"""scripts/check_architectures.py: a dozen architectures of its list, those of other kinds than tests/tiny.py has."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

SCRIPTS = str(Path(__file__).parents[1] / "scripts")

# model type -> head, "" for the first that it has
CHECKED = {
    "albert": "",
    "bart": "",
    "bridgetower": "",  # torch's own attention
    "layoutlm": "",  # boxes
    "llava": "",  # a text with an image
    "mamba": "",  # casts to the dtype of a weight
    "mixtral": "",  # experts
    "mobilenet_v2": "",  # asks convolutions for their kernel_size
    "olmo": "",  # norms without weights
    "roberta": "MASKED_LM",  # tied biases
    "swinv2": "",  # asks for the dtype of the first parameter while it is loaded
    "wav2vec2": "",  # weight norm
}
WITHOUT = frozenset({"onnx"})  # see tests/export


@pytest.fixture(autouse=True)
def scripts(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPTS)


@pytest.fixture(scope="module")
def plain_transformers():
    """In a process without this package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        from architectures.stock import stock_server

        with stock_server():
            yield


@pytest.mark.slow("inc_hf", "scripts/architectures")
@pytest.mark.usefixtures("plain_transformers")
@pytest.mark.parametrize("model_type", CHECKED)
def test_every_answer_is_right_or_a_refusal(model_type):
    from architectures.checks import check

    result = check(model_type, CHECKED[model_type], WITHOUT)
    assert not result.skipped
    assert result.steps["dynamic"].verdict == "right" and result.share > 0.1
    assert not result.faults


def test_what_crashes_or_hangs_is_a_line(capsys):
    from architectures.outcome import Result
    from architectures.processes import in_processes

    jobs = {
        "well": lambda: Result("well"),
        "crashes": lambda: os._exit(3),
        "raises": lambda: 1 / 0,
        "hangs": lambda: time.sleep(60),
    }
    faults = {result.model_type: result.faults for result in in_processes(jobs, 4, 1.0)}
    assert set(faults) == set(jobs) and not faults["well"]
    assert "ended with 3" in faults["crashes"]["process"].note
    assert "not done after 1 s" in faults["hangs"]["process"].note
    assert faults["raises"]


def test_the_table(monkeypatch, tmp_path):
    import check_architectures

    options = f"--only bert,timm_wrapper --jobs 1 --without onnx wanda --output {tmp_path / 'table'}"
    monkeypatch.setattr(sys, "argv", ["check_architectures.py", *options.split()])
    check_architectures.main()
    text = (tmp_path / "table.md").read_text()
    assert "| bert | BertForSequenceClassification | 100% | compressed-tensors |" in text
    assert "- timm_wrapper: ImportError" in text


@pytest.mark.parametrize("options", [[], ["--again"], ["--again", "--only", "bert"]], ids=" ".join)
def test_the_table_of_all_is_written(options):
    import check_architectures

    assert check_architectures.parse_args(options).output == check_architectures.TABLE


@pytest.mark.parametrize("options", [["--only", "bert"], ["--without", "onnx"], ["--head", "MASKED_LM"]], ids=" ".join)
def test_the_table_of_all_is_not_replaced_by_that_of_some(options, tmp_path):
    import check_architectures

    assert check_architectures.parse_args(options).output is None
    assert check_architectures.parse_args([*options, "--output", str(tmp_path)]).output == tmp_path


def test_once_more_what_has_faults(monkeypatch, tmp_path):
    import check_architectures
    from architectures.outcome import FAULT, RIGHT, Outcome, Result
    from architectures.table import write

    monkeypatch.setattr(check_architectures, "model_types", lambda: ["bert", "gpt2", "t5"])
    before = [Result("gpt2", "A", steps={"load": Outcome(RIGHT)}), Result("t5", "B", steps={"load": Outcome(FAULT)})]
    write(tmp_path / "table", before, [])
    options = f"--again --without {' '.join(check_architectures.STEPS)} --output {tmp_path / 'table'}"
    monkeypatch.setattr(sys, "argv", ["check_architectures.py", *options.split()])
    check_architectures.main()
    results = json.loads((tmp_path / "table.json").read_text())["results"]
    assert [(r["model_type"], r["model_class"]) for r in results] == [
        ("bert", "BertForSequenceClassification"), ("gpt2", "A"), ("t5", "T5ForConditionalGeneration"),
    ]  # fmt: skip
