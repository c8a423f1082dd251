"""`training.fit` where quantization-aware training misses the goal: the modules that harm go back to float."""

import pytest
import torch
from fitting import ERROR_GOAL, NEVER_MET, ErrorAgainstFloat
from planted import PLANTED, planted_bert
from tiny import logits_of, tiny_inputs, tiny_model
from torch import nn
from transformers import BertForMaskedLM

from inc_hf import IncModelForSequenceClassification, TuningCriterion
from inc_hf.config import QuantizationAwareTrainingConfig, set_resume_from
from inc_hf.quantize.nn import quantized_modules
from inc_hf.training import fit, prepare_compression

pytest_plugins = ["workspace_fixture"]
pytestmark = pytest.mark.usefixtures("workspace")


def a_small_step(model):
    """A step of training that changes weights a little, and not what is planted."""
    model.train()
    model(**tiny_inputs(model.model), labels=torch.tensor([0, 1, 2])).loss.backward()
    with torch.no_grad():
        for layer in model.bert.encoder.layer:
            layer.output.dense.weight[:, 1:] += 1e-5


def trained(model: nn.Module, evaluate=None, train=a_small_step, goal=ERROR_GOAL, **settings):
    conf = QuantizationAwareTrainingConfig(accuracy_criterion=goal, **settings)
    manager = prepare_compression(model, conf)
    return fit(manager, train, eval_func=evaluate or ErrorAgainstFloat(model)), manager


@pytest.mark.parametrize("strategy", ["auto", "basic", "mse", "mse_v2"])
def test_what_integers_destroy_goes_back_to_float(strategy):
    raw = planted_bert()
    before = set(quantizable := {n for n, m in raw.named_modules() if isinstance(m, nn.Linear | nn.Embedding)})
    model, manager = trained(raw, tuning_criterion=TuningCriterion(strategy, objective="modelsize"))
    assert model is manager.model and model.model is raw
    in_float = before - set(quantized_modules(raw))
    assert model.met_criterion and set(PLANTED) <= in_float and len(in_float) <= len(PLANTED) + 1, quantizable
    assert all(type(raw.get_submodule(name)) in (nn.Linear, nn.Embedding) for name in in_float)
    assert not manager.float_layers, "no longer held"


def test_the_float_layers_are_those_that_were_trained(tmp_path):
    raw, seen = planted_bert(), {}

    def train(model):
        a_small_step(model)
        seen.update({name: raw.get_submodule(name).weight.detach().clone() for name in PLANTED})

    original = {name: raw.get_submodule(name).weight.detach().clone() for name in PLANTED}
    model, _ = trained(raw, train=train)
    for name in [name for name in PLANTED if "output.dense" in name and "attention" not in name]:
        weight = raw.get_submodule(name).weight
        assert weight.equal(seen[name]) and not weight.equal(original[name]) and weight.requires_grad
    model.save(tmp_path / "out")
    loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert torch.equal(logits_of(loaded), logits_of(raw))
    assert "back in float for the accuracy goal" in str(model.coverage.to_dict())


def test_one_trial_leaves_what_was_trained():
    raw = planted_bert()
    evaluate = ErrorAgainstFloat(raw)
    model, _ = trained(raw, evaluate, tuning_criterion=TuningCriterion(max_trials=1))
    assert model.met_criterion is False and set(PLANTED) <= set(quantized_modules(raw))
    assert evaluate.calls == 2


def test_a_weight_that_two_modules_share():
    raw = BertForMaskedLM(tiny_model("bert").config)
    assert raw.get_input_embeddings().weight is raw.get_output_embeddings().weight
    names = {"bert.embeddings.word_embeddings", "cls.predictions.decoder"}
    baseline = []

    def evaluate(model):
        found = names & set(quantized_modules(model))
        baseline.append(found)
        model(**tiny_inputs(model))
        return float(len(found))  # 0 is what the goal asks for

    model, _ = trained(
        raw, evaluate, train=lambda model: model(**tiny_inputs(raw)).logits.sum().backward(), goal=NEVER_MET
    )
    assert model.met_criterion and not names & set(quantized_modules(raw)) and quantized_modules(raw)
    assert raw.get_input_embeddings().weight is raw.get_output_embeddings().weight
    assert model.met_criterion and {len(found) for found in baseline} == {0, 2}, "both, or none of them"


def test_an_evaluation_that_never_calls_the_model():
    """Nothing tells which modules harm; they are tried from the last one on."""
    raw = tiny_model("bert")

    def evaluate(model):
        return float("classifier" in quantized_modules(model))

    model, _ = trained(raw, evaluate, lambda model: model(**tiny_inputs(raw)).logits.sum().backward(), NEVER_MET)
    assert model.met_criterion and "classifier" not in quantized_modules(raw)


def test_trials_of_an_earlier_training_do_not_count(workspace):
    scores = []
    for _ in range(2):
        raw = planted_bert()
        evaluate = ErrorAgainstFloat(raw)
        trained(raw, evaluate, tuning_criterion=TuningCriterion("basic"))
        scores.append(evaluate.calls)
        set_resume_from(workspace)
    assert scores[0] == scores[1] > 3
