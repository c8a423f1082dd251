"""Factors go into the norms of pre-norm blocks, and nowhere else."""

import copy

import pytest
import torch
from tiny import logits_of, quantized, tiny_model
from torch import nn
from transformers import AutoModelForCausalLM

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantization import fit
from inc_hf.quantize.nn import quantized_modules

SMOOTH = {"smooth_quant": True}
READERS = {
    "llama": ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj", "down_proj"),
    "gpt2": ("c_attn", "c_fc"),
    "vit": ("q_proj", "k_proj", "v_proj", "fc1"),
}


def outliers(name: str) -> nn.Module:
    """A model whose norms give one large channel."""
    torch.manual_seed(0)
    model = tiny_model(name)
    for path, parameter in model.named_parameters():
        if ("norm" in path.lower() or ".ln_" in path) and path.endswith("weight"):
            parameter.data[1] *= 30
    return model


@pytest.mark.parametrize("name", READERS)
def test_pre_norm_blocks_need_no_factors_at_run_time(name, monkeypatch):
    model = outliers(name)
    expected, before = logits_of(model), copy.deepcopy(model.state_dict())
    folded = quantized(copy.deepcopy(model), "static", recipes=SMOOTH).model
    readers = {n: m for n, m in quantized_modules(folded).items() if n.endswith(READERS[name]) and "c_proj" not in n}
    assert readers and all(m.smooth_scale is None for m in readers.values())
    state = folded.state_dict()
    is_norm = [n for n in before if "norm" in n.lower() or ".ln_" in n]
    norms = [n for n in is_norm if not torch.equal(state[n], before[n])]
    assert norms and not any("ln_f" in n or "model.norm" in n or n.startswith("vit.layernorm") for n in norms)
    monkeypatch.setattr("inc_hf.tune.quantization_space.fold_factors", lambda model, batch: 0)
    plain = quantized(copy.deepcopy(model), "static", recipes=SMOOTH).model
    assert any(m.smooth_scale is not None for n, m in quantized_modules(plain).items() if n in readers)
    for n in readers:  # the same integers, but for the last bit of what the norm gives
        assert torch.equal(folded.get_submodule(n).codes, plain.get_submodule(n).codes) or n.endswith(
            ("v_proj", "up_proj", "c_attn")
        )
    errors = [float((logits_of(m) - expected).abs().mean() / expected.std()) for m in (folded, plain)]
    assert errors[0] < 1.3 * errors[1] + 1e-3


def test_the_norms_of_bert_stay():
    model = outliers("bert")
    before = copy.deepcopy(model.state_dict())
    found = quantized(model, "static", recipes=SMOOTH).model
    changed = [n for n, v in found.state_dict().items() if "LayerNorm" in n and not torch.equal(v, before[n])]
    assert not changed and found.bert.encoder.layer[0].attention.self.query.smooth_scale is not None


def test_stock_transformers_loads_a_smoothed_llama(tmp_path):
    result = quantized(outliers("llama"), "static", recipes=SMOOTH)
    result.save_pretrained(tmp_path)
    assert result.model.config.quantization_config.to_dict()["quant_method"] == "compressed-tensors"
    stock = AutoModelForCausalLM.from_pretrained(tmp_path)
    expected = logits_of(result.model)
    assert (logits_of(stock) - expected).abs().max() < 0.02 * expected.abs().max()  # it rounds its inputs elsewhere


class Block(nn.Module):
    """A pre-norm block; `also` is what else it does with the output of its norm."""

    def __init__(self, also=lambda y: 0.0, norm=nn.LayerNorm):
        super().__init__()
        self.norm, self.first, self.second = norm(16), nn.Linear(16, 16), nn.Linear(16, 16)
        self.also = also

    def forward(self, x):
        y = self.norm(x)
        return x + self.first(y) * self.second(y) + self.also(y)


class ShiftedRMSNorm(nn.RMSNorm):
    """As that of Gemma, whose weight is what is added to 1."""

    def forward(self, x):
        return nn.functional.rms_norm(x, (16,)) * (1 + self.weight)


def folded_block(*args, **kwargs) -> tuple[nn.Module, torch.Tensor]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.ModuleList([Block(*args, **kwargs)]))
    model.forward = lambda x: model[0][0](x)
    x = torch.randn(64, 16) * torch.logspace(-1, 1, 16)
    config = PostTrainingQuantConfig(recipes=SMOOTH)
    return fit(model, config, calib_dataloader=[x]).model[0][0], x


ELSEWHERE = {
    "the residual": lambda y: y,
    "a view": lambda y: y[:, ::2].sum(),
    "little of it": lambda y: 1e-12 * y,  # which no comparison of outputs would show
    "in place": lambda y: y.mul_(1.0) * 0,
}


@pytest.mark.parametrize("also", ELSEWHERE.values(), ids=ELSEWHERE)
def test_nothing_is_folded_where_something_else_reads_the_norm(also):
    block, _ = folded_block(also)
    assert block.first.smooth_scale is not None and block.norm.weight.eq(1).all()


def test_metadata_can_be_read():
    block, _ = folded_block(lambda y: float(y.shape[0] > 100 and y.dtype == torch.float16))
    assert block.first.smooth_scale is None and not block.norm.weight.eq(1).all()


def test_a_norm_that_does_not_multiply_by_its_weight_stays():
    block, _ = folded_block(norm=ShiftedRMSNorm)
    assert block.first.smooth_scale is not None


def test_is_the_formula_in_float64():
    """`norm(x; w / s, b / s)` and `W s` in float64, with the factors that the integers tell."""
    block, x = folded_block()
    scale = (1 / block.norm.weight).double()  # it was 1
    torch.manual_seed(0)
    plain = Block().double()
    y = plain.norm(x.double())
    weight = plain.first.weight * scale
    step = weight.abs().amax(1, keepdim=True) / (2 ** (block.first.scheme.weight.num_bits - 1) - 1)
    assert (block.first.codes.double() - weight / step).abs().max() < 0.5 + 1e-4
    smoothed = y / scale
    low, high = smoothed.min().clamp(max=0), smoothed.max().clamp(min=0)
    assert float(block.first.input_scale) == pytest.approx(float((high - low) / 255), rel=1e-5)
    rounded = (smoothed / ((high - low) / 255)).round() * ((high - low) / 255)
    expected = rounded @ (block.first.codes.double() * step).T + plain.first.bias
    torch.testing.assert_close(block.first(block.norm(x)).double(), expected, atol=0.05, rtol=0.02)
