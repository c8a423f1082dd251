"""`diagnosis=True`: one trial, and a table of the modules, most harmful first."""

import csv

import pytest
import torch
from reporting import Page
from tiny import tiny_inputs, tiny_model

from inc_hf import PostTrainingQuantConfig, set_workspace
from inc_hf.config import options
from inc_hf.quantization import fit


@pytest.fixture(autouse=True)
def workspace(tmp_path):
    before = options.workspace
    set_workspace(tmp_path)
    yield tmp_path
    options.workspace = before


def read(path):
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("evaluates", [True, False], ids=["tuned", "converted"])
def test_table_of_modules(evaluates, workspace):
    model = tiny_model("bert")
    with torch.no_grad():
        model.classifier.weight[:, 0] *= 1000  # one weight takes the range of its row
    conf = PostTrainingQuantConfig(approach="static", diagnosis=True, op_type_dict={"Linear": {"weight": {"bits": 4}}})
    result = fit(model, conf, [tiny_inputs(model)], eval_func=(lambda m: 0.0) if evaluates else None)
    assert len(result.trials) == (1 if evaluates else 0)
    rows = read(workspace / "diagnosis.csv")
    assert {row["module"] for row in rows} == {
        name for group in result.q_config["groups"] for name in group["modules"]
    }
    damage = [float(row["output_error"]) for row in rows]
    assert damage == sorted(damage, reverse=True) and damage[0] > 0
    by_name = {row["module"]: row for row in rows}
    assert by_name["classifier"]["scheme"] == "W4A8 static asymmetric"
    assert 0 < float(by_name["bert.embeddings.word_embeddings"]["weight_error"]) < 1e-4
    assert float(by_name["bert.pooler.dense"]["weight_error"]) > 1e-4
    ranges = {row["module"] for row in read(workspace / "weights_table.csv")}
    assert ranges == by_name.keys()
    inputs = {row["module"] for row in read(workspace / "activations_table.csv")}
    assert inputs == {row["module"] for row in rows if "A8" in row["scheme"]}
    page = Page((workspace / "report.html").read_text(encoding="utf-8"))
    assert {"Left in float", "Sensitivity of each module", "Ranges of the activations"} < page.sections.keys()
    assert {"Size of each part", "Zeros of each layer"} < page.sections.keys()
    assert ("Trials" in page.sections) is evaluates
