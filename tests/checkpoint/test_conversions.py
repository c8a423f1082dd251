"""Models whose weights transformers converts as it loads them: experts, fused layers."""

import json
from pathlib import Path

import pytest
import torch
import transformers
from tiny import VOCABULARY, logits_of
from transformers import AutoModelForCausalLM

import inc_hf
from inc_hf import IncModelForCausalLM, PostTrainingQuantConfig
from inc_hf.checkpoint.compressed_tensors import NotExpressibleError
from inc_hf.checkpoint.conversions import converted_keys, lost_keys
from inc_hf.quantization import fit

SCRIPTS = Path(__file__).parents[2] / "scripts"
SIZES = {"vocab_size": VOCABULARY, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
SIZES |= {"num_key_value_heads": 1, "intermediate_size": 32, "num_local_experts": 4, "num_experts_per_tok": 2}
MODELS = {
    "mixtral": ("MixtralForCausalLM", "MixtralConfig", {}),
    "llama4": ("Llama4ForCausalLM", "Llama4TextConfig", {"head_dim": 8, "intermediate_size_mlp": 32}),
}


@pytest.fixture(scope="module", params=MODELS)
def moe(request, tmp_path_factory):
    """A quantized model with experts, its default checkpoint, and its name."""
    class_name, config_name, values = MODELS[request.param]
    torch.manual_seed(0)
    model = getattr(transformers, class_name)(getattr(transformers, config_name)(**SIZES, **values)).eval()
    result = fit(model, PostTrainingQuantConfig(approach="dynamic"))
    return result, result.save_pretrained(tmp_path_factory.mktemp("moe") / "int8"), request.param


def format_of(directory):
    return json.loads((directory / "config.json").read_text())["quantization_config"]["quant_method"]


def test_loads_as_it_was_and_is_saved_again(moe, tmp_path):
    result, directory, _ = moe
    loaded = IncModelForCausalLM.from_pretrained(directory)
    assert torch.equal(logits_of(loaded), logits_of(result.model))
    loaded.save_pretrained(tmp_path)
    assert torch.equal(logits_of(IncModelForCausalLM.from_pretrained(tmp_path)), logits_of(result.model))


def test_stock_loads_it_where_it_can(moe):
    """The float arithmetic of stock rounds where ours does, but for the last bit of the scales."""
    pytest.importorskip("compressed_tensors")
    result, directory, name = moe
    assert format_of(directory) == ("compressed-tensors" if name == "mixtral" else "inc")
    stock = AutoModelForCausalLM.from_pretrained(directory)
    expected = logits_of(result.model)
    assert (logits_of(stock) - expected).abs().max() < 0.05 * expected.abs().max()
    if name == "mixtral":
        assert torch.equal(logits_of(inc_hf.optimize(AutoModelForCausalLM.from_pretrained(directory))), expected)


def test_a_format_that_stock_could_not_load_is_refused(moe, tmp_path):
    result, _, name = moe
    if name == "mixtral":
        assert converted_keys(result.model)
        return
    with pytest.raises(NotExpressibleError, match=r"puts other modules in the place of `.*experts`.*format=\"inc\""):
        result.save_pretrained(tmp_path / "out", format="compressed-tensors")
    assert not (tmp_path / "out").exists()


def test_inc_on_request(moe, tmp_path):
    result, _, _ = moe
    directory = result.save_pretrained(tmp_path / "inc", format="inc")
    assert format_of(directory) == "inc"
    assert torch.equal(logits_of(IncModelForCausalLM.from_pretrained(directory)), logits_of(result.model))


def test_names_that_do_not_come_back_are_not_changed(tmp_path, monkeypatch):
    """Transformers has a renaming for `….weight` of Inkling's layers that hits `….weight_scale` on the way back."""
    monkeypatch.syspath_prepend(SCRIPTS)
    from architectures.models import tiny_model
    from architectures.outputs import outputs_of

    model = tiny_model("inkling2_text")
    result = fit(model, PostTrainingQuantConfig(approach="dynamic"))
    assert lost_keys(result.model)
    with pytest.raises(NotExpressibleError, match="and not back when it loads it"):
        result.save_pretrained(tmp_path / "refused", format="compressed-tensors")
    loaded = type(model).from_pretrained(result.save_pretrained(tmp_path / "out"))
    inputs = {"input_ids": torch.arange(1, 9)[None]}
    for got, expected in zip(outputs_of(loaded, inputs), outputs_of(result.model, inputs), strict=True):
        assert torch.allclose(got, expected, atol=1e-6)


def test_names_of_most_models_come_back(moe):
    assert lost_keys(moe[0].model) == []
