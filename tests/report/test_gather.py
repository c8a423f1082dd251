"""What is found in a directory."""

import json

import pytest
import torch
from reporting import REST, TRIALS, write_training, write_workspace
from tiny import quantized, tiny_model

from inc_hf.errors import UsageError
from inc_hf.report import facts_of


def test_a_workspace(tmp_path):
    facts = facts_of(write_workspace(tmp_path))
    assert facts.trials == TRIALS and facts.tuning == REST["tuning"] and facts.about == {"Model": "Net"}
    assert facts.sensitivity[1] == {"module": "tail", "scheme": "W8", "weight_error": 0.002, "output_error": None}
    assert facts.weights[0]["int8_max"] == 1.5 and facts.activations[0]["clipped"] == 0.125
    assert facts.coverage.share == 0.8 and facts.parts[0].bytes == 100


def test_a_training_of_the_directory_or_its_last_checkpoint(tmp_path):
    for number in (9, 100):
        write_training(tmp_path / f"checkpoint-{number}")
    state = {"log_history": [{"step": 9, "loss": 1.0}]}
    (tmp_path / "checkpoint-9" / "trainer_state.json").write_text(json.dumps(state))
    entries = facts_of(tmp_path).training
    assert [entry["step"] for entry in entries] == [10, 20], "one for each step, without the sum of all"
    assert entries[1]["loss"] == 0.5 and entries[1]["eval_loss"] == 0.6
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    assert len(facts_of(tmp_path).training) == 1


@pytest.mark.parametrize("format, bits", [("compressed-tensors", 8), ("inc", 8), ("inc", 4)])
def test_a_checkpoint(format, bits, tmp_path):
    model = tiny_model("bert")
    with torch.no_grad():
        model.bert.pooler.dense.weight[:12] = 0
    floats = sum(p.numel() * 4 for p in model.parameters())
    settings = {"Linear": {"weight": {"bits": bits}}}
    quantized(model, op_type_dict=settings).save_pretrained(tmp_path / "out", format=format)
    facts = facts_of(tmp_path / "out")
    assert sum(part.float_bytes for part in facts.parts) == floats
    assert [part.name for part in facts.parts] == [
        "bert.embeddings", "bert.encoder.layer.0", "bert.pooler", "classifier",
    ]  # fmt: skip
    assert sum(part.bytes for part in facts.parts) < floats / 2
    assert facts.layers["bert.pooler.dense"].zeros.share >= 0.75
    assert facts.coverage.share == 1.0 and facts.about["Model"] == "BertForSequenceClassification"


def test_a_checkpoint_in_its_workspace(tmp_path):
    quantized("bert").save_pretrained(tmp_path / "out")
    write_workspace(tmp_path / "out")
    facts = facts_of(tmp_path / "out")
    assert facts.about["Model"] == "BertForSequenceClassification" and len(facts.parts) == 4
    assert facts.trials == TRIALS and facts.sensitivity


def test_a_goal_of_another_search_is_not_taken(tmp_path):
    write_workspace(tmp_path)
    tuning = {"score": 0.7, "baseline": 0.8, "met_criterion": False}
    (tmp_path / "inc_config.json").write_text(json.dumps({"inc_hf_version": "0.1.0", "tuning": tuning}))
    assert facts_of(tmp_path).tuning == tuning
    tuning |= {"score": 0.949, "baseline": 0.95}
    (tmp_path / "inc_config.json").write_text(json.dumps({"inc_hf_version": "0.1.0", "tuning": tuning}))
    assert facts_of(tmp_path).tuning["target"] == 0.94


def test_a_config_of_optimum_intel_is_not_ours(tmp_path):
    write_training(tmp_path)
    (tmp_path / "inc_config.json").write_text(json.dumps({"quantization": {"is_static": True}}))
    assert facts_of(tmp_path).tuning == {}


DAMAGED = {
    "history.json": ["{", "[]", '{"version": 2}', '{"version": 1, "baseline": 1, "trials": [{"label": "x"}]}'],
    "diagnosis.csv": ["module\nx\n", "module,scheme,weight_error,output_error\nx,y,much,1\n"],
    "weights_table.csv": ["\0", "module,float_min,float_max,int8_min,int8_max,mse\nx,a,1,1,1,1\n"],
    "activations_table.csv": ["", "module,float_min\nx\n"],
    "diagnosis.json": ["", "[1]", '{"parts": [{"name": "x"}]}', '{"coverage": {"left": 3}}', '{"about": [1]}'],
    "trainer_state.json": ["nothing", "3", '{"log_history": [{"loss": 1}]}', '{"log_history": 3}'],
    "inc_config.json": ["{", "[]", '{"inc_hf_version": "1", "coverage": {"left": 3}}'],
}
CASES = [(name, text) for name, texts in DAMAGED.items() for text in texts]


@pytest.mark.parametrize("name, text", CASES, ids=lambda value: value[:24])
def test_damaged_files_are_named(name, text, tmp_path):
    write_training(write_workspace(tmp_path))
    (tmp_path / name).write_text(text)
    with pytest.raises(UsageError, match=f"{name} is (damaged|not a tuning history)"):
        facts_of(tmp_path)


def test_files_of_another_encoding(tmp_path):
    write_workspace(tmp_path)
    (tmp_path / "diagnosis.csv").write_bytes(b"module,\xff\n")
    with pytest.raises(UsageError, match="diagnosis.csv is damaged"):
        facts_of(tmp_path)
