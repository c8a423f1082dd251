"""`diagnosis=True`: one trial, and a table of the modules, most harmful first."""

import csv

import pytest
import torch
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


@pytest.mark.parametrize("evaluates", [True, False], ids=["tuned", "converted"])
def test_table_of_modules(evaluates, workspace):
    model = tiny_model("bert")
    with torch.no_grad():
        model.classifier.weight[:, 0] *= 1000  # one weight takes the range of its row
    conf = PostTrainingQuantConfig(approach="static", diagnosis=True, op_type_dict={"Linear": {"weight": {"bits": 4}}})
    result = fit(model, conf, [tiny_inputs(model)], eval_func=(lambda m: 0.0) if evaluates else None)
    assert len(result.trials) == (1 if evaluates else 0)
    with (workspace / "diagnosis.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["module"] for row in rows} == {
        name for group in result.q_config["groups"] for name in group["modules"]
    }
    damage = [float(row["output_error"]) for row in rows]
    assert damage == sorted(damage, reverse=True) and damage[0] > 0
    by_name = {row["module"]: row for row in rows}
    assert by_name["classifier"]["scheme"] == "W4A8 static asymmetric"
    assert 0 < float(by_name["bert.embeddings.word_embeddings"]["weight_error"]) < 1e-4
    assert float(by_name["bert.pooler.dense"]["weight_error"]) > 1e-4
