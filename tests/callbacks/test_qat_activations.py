"""What `activation` of `op_type_dict` and `op_name_dict` means in quantization-aware training: static, as in INC."""

import copy

import pytest
import torch
from test_training import BATCHES, train, without_dropout
from tiny import logits_of

from inc_hf import IncModelForSequenceClassification, PostTrainingQuantConfig
from inc_hf.config import QuantizationAwareTrainingConfig
from inc_hf.quantization import fit as quantize
from inc_hf.quantize.nn import quantized_modules
from inc_hf.training import fit, prepare_compression

DENSE = "bert.encoder.layer.0.intermediate.dense"
ACTIVATION = {"dtype": ["uint8"], "scheme": ["asym"], "granularity": ["per_tensor"], "algorithm": ["minmax"]}


def trained(**config):
    model = without_dropout()
    manager = prepare_compression(model, QuantizationAwareTrainingConfig(**config))
    train(manager, model, steps=3)
    return manager.model


def static_of(model):
    return {name for name, module in quantized_modules(model.model).items() if module.scheme.is_static}


@pytest.mark.parametrize(
    "activation", [ACTIVATION, *({k: v} for k, v in ACTIVATION.items())], ids=["all", *ACTIVATION]
)
def test_layers_that_are_asked_to_be_static(activation, tmp_path, caplog):
    """Whichever of INC's keys says so; their ranges are in the checkpoint, which loads to the same bits."""
    model = trained(op_name_dict={DENSE: {"activation": activation}})
    assert static_of(model) == {DENSE}
    assert "activations static, 7 of 8 layers per token" in caplog.text
    model.save(tmp_path)
    loaded = IncModelForSequenceClassification.from_pretrained(tmp_path)
    assert torch.equal(logits_of(loaded), logits_of(model.model))


def test_all_layers_by_type_as_with_the_approach():
    found = trained(op_type_dict={".*": {"activation": ACTIVATION}})
    model = without_dropout()
    manager = prepare_compression(model, QuantizationAwareTrainingConfig())
    manager.callbacks_list[0].callback.approach = "static"
    train(manager, model, steps=3)
    expected = manager.model.model.state_dict()
    state = found.model.state_dict()
    assert state.keys() == expected.keys() and all(torch.equal(state[name], expected[name]) for name in state)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dtype": "int8"},
        {"granularity": "per_token"},
        {"algorithm": "placeholder"},
        {"granularity": "per_token", "scheme": "sym"},
    ],
    ids=["nothing", "int8", "per token", "placeholder", "per token and symmetric"],
)
def test_layers_that_stay_dynamic(settings):
    assert not static_of(trained(op_type_dict={"Linear": {"activation": settings, "weight": {"bits": 8}}}))


def test_one_scale_per_token_among_static_layers():
    model = without_dropout()
    config = QuantizationAwareTrainingConfig(op_name_dict={DENSE: {"activation": {"granularity": "per_token"}}})
    manager = prepare_compression(model, config)
    manager.callbacks_list[0].callback.approach = "static"
    train(manager, model, steps=3)
    assert static_of(manager.model) and DENSE not in static_of(manager.model)


def test_an_algorithm_that_training_does_not_have(caplog):
    model = trained(op_type_dict={"Linear": {"activation": {"algorithm": ["kl"], "scheme": ["sym"]}}})
    assert caplog.text.count("`algorithm` 'kl' changes nothing here") == 1
    assert {
        m.scheme.activation.observer for n, m in quantized_modules(model.model).items() if n in static_of(model)
    } == {"moving_average"}


def test_a_loop_without_hooks():
    manager = prepare_compression(
        without_dropout(), QuantizationAwareTrainingConfig(op_type_dict={".*": {"activation": ACTIVATION}})
    )

    def train_func(model):
        optimizer = torch.optim.SGD(model.parameters(), 1e-2)
        for batch in BATCHES[:2]:
            model(**batch).loss.backward()
            optimizer.step()

    assert static_of(fit(manager, train_func))


def test_dynamic_quantization_says_what_it_does_not_read(caplog):
    conf = PostTrainingQuantConfig(approach="dynamic", op_type_dict={"Linear": {"activation": ACTIVATION}})
    quantize(copy.deepcopy(without_dropout()), conf)
    assert caplog.text.count("The activations in op_type_dict['Linear'] are for `approach='static'`") == 1
    caplog.clear()
    quantize(
        without_dropout(),
        PostTrainingQuantConfig(approach="dynamic", op_type_dict={"Linear": {"weight": {"bits": 8}}}),
    )
    assert "are for" not in caplog.text
