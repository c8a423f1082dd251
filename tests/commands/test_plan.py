"""What a command line and the file of `--config` ask for together."""

import json

import pytest

from inc_hf.commands.main import build_parser
from inc_hf.commands.training.plan import plan_of
from inc_hf.errors import UsageError

YAML = """
pruning:
  target_sparsity: 0.9
  pruning_scope: local
distillation:
  criterion: {KnowledgeDistillationLoss: {temperature: 4.0, loss_types: [CE, KL], loss_weights: [0.5, 0.5]}}
quantization:
  approach: static
  op_type_dict: {Embedding: {weight: {dtype: fp32}}}
training:
  learning_rate: 3e-5
  num_train_epochs: 2
  lr_scheduler_type: cosine
"""


def planned(*options: str, command: str = "train"):
    needed = ["--teacher", "other"] if command == "distill" else []
    return plan_of(build_parser().parse_args([command, "model", "-o", "out", *needed, *options]), command)


@pytest.fixture
def file(tmp_path) -> str:
    (tmp_path / "job.yaml").write_text(YAML)
    return str(tmp_path / "job.yaml")


def test_every_section_is_read(file):
    plan = planned("--config", file)
    assert plan.pruning == {"target_sparsity": 0.9, "pruning_scope": "local"}
    assert plan.distillation["criterion"]["KnowledgeDistillationLoss"]["temperature"] == 4
    assert plan.quantization["approach"] == "static"
    assert plan.training == {"learning_rate": 3e-5, "num_train_epochs": 2, "lr_scheduler_type": "cosine"}


def test_options_win(file):
    line = "--sparsity 0.5 --pattern 1x1 --temperature 3 --approach dynamic --epochs 7 --weight-bits 4"
    plan = planned("--config", file, *line.split())
    assert plan.pruning == {"target_sparsity": 0.5, "pruning_scope": "local", "pattern": "1x1"}
    loss = plan.distillation["criterion"]["KnowledgeDistillationLoss"]
    assert (loss["temperature"], loss["loss_weights"]) == (3, [0.5, 0.5])
    assert plan.quantization["approach"] == "dynamic"
    assert plan.quantization["op_type_dict"].keys() == {"Embedding", "Linear|Conv1D|Conv1d|Conv2d"}
    assert plan.training["num_train_epochs"] == 7 and plan.training["learning_rate"] == 3e-5


def test_json_is_the_same(file, tmp_path):
    import yaml

    (tmp_path / "job.json").write_text(json.dumps(yaml.safe_load(YAML)))
    assert planned("--config", str(tmp_path / "job.json")) == planned("--config", file)


@pytest.mark.parametrize(
    ("command", "options", "parts"),
    [
        ("train", [], {"quantization"}),
        ("train", ["--no-quantize"], set()),
        ("train", ["--sparsity", "0.8"], {"pruning", "distillation", "quantization"}),
        ("train", ["--sparsity", "0.8", "--no-distill"], {"pruning", "quantization"}),
        ("train", ["--qat"], {"distillation", "quantization"}),
        ("train", ["--teacher", "large", "--no-quantize"], {"distillation"}),
        ("prune", [], {"pruning", "distillation"}),
        ("prune", ["--no-distill"], {"pruning"}),
        ("distill", [], {"distillation"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_done(command, options, parts):
    plan = planned(*options, command=command)
    assert {name for name in ("pruning", "distillation", "quantization") if getattr(plan, name) is not None} == parts


def test_a_temperature_is_of_logits(tmp_path):
    (tmp_path / "job.yaml").write_text("distillation: {criterion: IntermediateLayersKnowledgeDistillationLoss}")
    with pytest.raises(UsageError, match="has none; leave it out"):
        planned("--config", str(tmp_path / "job.yaml"), "--temperature", "2")
