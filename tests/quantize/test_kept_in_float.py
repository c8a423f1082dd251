import pytest
import torch
from safetensors.torch import load_file
from tiny import TinyNet, logits_of, quantized, tiny_inputs, tiny_model
from torch import nn
from transformers import (
    DetrConfig,
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    RwkvConfig,
    RwkvForCausalLM,
    SwinConfig,
)

from inc_hf import PostTrainingQuantConfig
from inc_hf.quantization import fit
from inc_hf.quantize.kept_in_float import kept_in_float
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.resolve import quantizable_names

DYNAMIC = PostTrainingQuantConfig(approach="dynamic")


def adapted(peft):
    config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query", "value"], r=2, init_lora_weights=False)
    return peft.get_peft_model(tiny_model("bert"), config).eval()


def test_adapters_stay_in_float_and_are_saved_as_such(tmp_path):
    model, inputs = adapted(pytest.importorskip("peft")), tiny_inputs(tiny_model("bert"))
    before = logits_of(model, inputs)
    reasons = kept_in_float(model)
    assert all("merge_and_unload" in reason for reason in reasons.values())
    fit(model, DYNAMIC)
    after = logits_of(model, inputs)
    assert (after - before).norm() < 0.1 * before.norm()
    names = set(quantized_modules(model))
    assert any(name.endswith("query.base_layer") for name in names) and not names & set(reasons)
    model.save_pretrained(tmp_path)
    stored = load_file(tmp_path / "adapter_model.safetensors")
    assert len(stored) == 6 and {tensor.dtype for tensor in stored.values()} == {torch.float32}
    with pytest.raises(ValueError, match="read-only"):
        model.merge_and_unload()
    assert torch.equal(logits_of(model, inputs), after)


def test_an_adapter_on_a_quantized_model_is_refused_by_name():
    peft = pytest.importorskip("peft")
    with pytest.raises(ValueError, match="QLinear"):
        peft.get_peft_model(quantized("bert").model, peft.LoraConfig(target_modules=["query"]))


class SentenceModel(nn.Sequential):
    """As a SentenceTransformer: it saves the model of transformers by its `save_pretrained`, the others itself."""

    __module__ = "sentence_transformers.model"


def test_what_is_beside_the_model_in_a_sentence_transformer():
    model = SentenceModel(nn.Sequential(tiny_model("bert")), TinyNet())
    reasons = kept_in_float(model)
    assert "1.linear" in reasons and not any(name.startswith("0.0.") for name in reasons)
    names = quantizable_names(model)
    assert "0.0.classifier" in names and "1.linear" not in names


def test_what_rwkv_writes_to():
    config = RwkvConfig(vocab_size=96, hidden_size=16, attention_hidden_size=16, num_hidden_layers=2)
    model, ids = RwkvForCausalLM(config).eval(), torch.arange(5, 14)[None]
    with torch.no_grad():
        before = model(ids).logits
        coverage = fit(model, DYNAMIC).coverage
        assert (model(ids).logits - before).norm() < 0.1 * before.norm()
    assert "RWKV scales its weight in place" in str(coverage)
    assert {name.rpartition("blocks.0.")[2] for name in kept_in_float(model) if "blocks.0." in name} == {
        "attention.output",
        "feed_forward.value",
    }


def test_a_plain_model_has_none():
    assert not kept_in_float(tiny_model("bert"))


class Head(nn.Module):
    """As MaskFormer's: its layers have names, but are called from a list."""

    def __init__(self, layers):
        super().__init__()
        self.layers = layers
        for index, layer in enumerate(layers if isinstance(layers, list) else layers.values()):
            self.add_module(str(index), layer)

    def forward(self, x):
        for layer in self.layers if isinstance(self.layers, list) else self.layers.values():
            x = layer(x)
        return x


@pytest.mark.parametrize("held", [list, lambda layers: dict(enumerate(layers))], ids=["list", "dict"])
def test_what_is_called_from_a_list_stays_in_float_by_name(held):
    model = nn.Sequential(nn.Linear(8, 8), Head(held([nn.Linear(8, 8), nn.ReLU()]))).eval()
    assert list(kept_in_float(model)) == ["1.0", "1.1"] and quantizable_names(model) == ["0"]
    result = fit(model, DYNAMIC)
    assert list(quantized_modules(model)) == ["0"] and "a list of its own" in str(result.coverage)


def test_the_masks_of_maskformer_come_back():
    config = MaskFormerConfig(
        backbone_config=SwinConfig(embed_dim=8, depths=[1] * 4, num_heads=[2] * 4, image_size=32, window_size=2),
        decoder_config=DetrConfig(d_model=8, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=8),
        fpn_feature_size=32,
        mask_feature_size=32,
    )
    assert any("mask_embedder" in name for name in kept_in_float(MaskFormerForInstanceSegmentation(config)))


class Doubling(nn.Linear):
    def __call__(self, x):
        return 2 * super().__call__(x)


def with_other_forward(layer):
    forward = layer.forward
    layer.forward = lambda x: 2 * forward(x)
    return layer


@pytest.mark.parametrize(
    "build", [Doubling, lambda *sizes: with_other_forward(nn.Linear(*sizes))], ids=["class", "own"]
)
def test_layers_that_are_called_otherwise_stay_in_float(build):
    model = nn.Sequential(build(8, 8), nn.Linear(8, 4)).eval()
    x = torch.randn(3, 8)
    expected = model(x)
    result = fit(model, DYNAMIC)
    assert set(quantized_modules(model)) == {"1"} and (model(x) - expected).norm() < 0.05 * expected.norm()
    assert [left.examples for left in result.coverage.left] == [["0"]]
