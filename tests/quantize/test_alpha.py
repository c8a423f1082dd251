"""SmoothQuant with an alpha for each layer: the best of several by the layer's output error, or none."""

import logging

import pytest
import torch
from tiny import quantized
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantization import fit
from inc_hf.quantize import ActivationScheme, Scheme, WeightScheme, calibrate, convert, prepare
from inc_hf.quantize.kept_rows import ROWS, KeptRows
from inc_hf.quantize.smoothing import AUTO_ALPHAS, smoothing_alphas

STATIC = ActivationScheme(dynamic=False, symmetric=False)
SMOOTH = {"smooth_quant": True}


def arguments(**values) -> dict:
    return {"recipes": {**SMOOTH, "smooth_quant_args": values}}


ALPHAS = {
    "no recipe": ({}, [None]),
    "the default": ({"recipes": SMOOTH}, [AUTO_ALPHAS]),
    "auto": (arguments(alpha="auto"), [AUTO_ALPHAS]),
    "a number": (arguments(alpha=0.5), [0.5]),
    "a list": (arguments(alpha=[0.5, 0.8]), [0.5, 0.8]),
    "a grid": (arguments(auto_alpha_args={"alpha_min": 0.4, "alpha_max": 0.6}), [(0.4, 0.5, 0.6)]),
    "a grid of INC's": (arguments(alpha="auto", auto_alpha_args={"alpha_step": 0.5, "n_samples": 4}), [(0, 0.5, 1)]),
    "for ONNX": ({"quant_format": "QDQ"}, [AUTO_ALPHAS]),
    "for ONNX, but not smoothed": ({"quant_format": "QDQ", "recipes": {"smooth_quant": False}}, [None]),
    "for ONNX, dynamic": ({"quant_format": "QDQ", "approach": "dynamic"}, [None]),
}


@pytest.mark.parametrize("config, expected", ALPHAS.values(), ids=ALPHAS)
def test_alphas_of_a_config(config, expected):
    assert smoothing_alphas(PostTrainingQuantConfig(**config)) == expected


def net(alpha, activation=STATIC, spread: float = 1.0) -> tuple[nn.Module, torch.Tensor, torch.Tensor]:
    """A smoothed layer, outliers as its inputs, and what it would give in float."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(32, 48)).requires_grad_(False)
    x = torch.randn(300, 32) * torch.logspace(-spread, spread, 32)
    expected = model(x)
    prepare(model, {"0": Scheme(WeightScheme(), activation, alpha)})
    return convert(calibrate(model, x.split(50), progress=False)), x, expected


@pytest.mark.parametrize("activation", [STATIC, ActivationScheme()], ids=["static", "dynamic"])
def test_the_best_is_taken(activation):
    errors = {}
    for alpha in (None, *AUTO_ALPHAS, AUTO_ALPHAS):
        model, x, expected = net(alpha, activation)
        errors[alpha] = float((model(x) - expected).square().mean())
    chosen = model[0].scheme.smooth_alpha  # of the last, which had the choice
    assert chosen in (None, *AUTO_ALPHAS) and errors[AUTO_ALPHAS] == errors[chosen] < 0.6 * errors[None]
    assert errors[chosen] <= 1.05 * min(errors.values())


def test_none_where_smoothing_harms():
    model, _, _ = net((0.0,), spread=0.0)
    assert model[0].scheme.smooth_alpha is None and model[0].smooth_scale is None


@pytest.mark.parametrize("sizes", [[300], [1, 299], [100, 100, 100]], ids=str)
def test_one_alpha_is_that_alpha(sizes):
    (model, x, _), (other, _, _) = net((0.8,)), net(0.8)
    assert model[0].scheme == other[0].scheme and torch.equal(model(x), other(x))


@pytest.mark.parametrize("size", [3, 100, 2000])
def test_rows_are_the_same_however_they_are_cut(size):
    x = torch.arange(2000.0)[:, None].expand(-1, 3)
    kept = KeptRows()
    for part in x.split(size):
        kept.update(part)
    steps = kept.rows[1:, 0] - kept.rows[:-1, 0]
    assert ROWS <= len(kept.rows) <= 2 * ROWS and kept.rows[0, 0] == 0 and steps.unique().tolist() == [kept.step]


SHARING = {
    "bert": ["attention.self.query", "attention.self.key", "attention.self.value"],
    "llama": ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
    "t5": ["EncDecAttention.k", "EncDecAttention.v"],
}


@pytest.mark.parametrize("name", SHARING)
def test_layers_that_read_one_tensor_share_their_factors(name):
    modules = dict(
        quantized(name, "static", **arguments(alpha="auto", auto_alpha_args={"alpha_min": 0.5})).named_modules()
    )
    endings = SHARING[name]
    groups = [n.removesuffix(endings[0]) for n in modules if n.endswith(endings[0])]
    assert groups
    for group in groups:
        members = [modules[f"{group}{ending}"] for ending in endings]
        assert len({member.scheme for member in members}) == 1
        scales = [member.smooth_scale for member in members]
        assert all(scale is None or torch.equal(scale, scales[0]) for scale in scales)


def test_products_are_smoothed_and_nothing_else():
    model = quantized("vit", "static", recipes=SMOOTH).model
    alphas = {type(m).__name__: m.scheme.smooth_alpha for m in model.modules() if hasattr(m, "scheme")}
    assert alphas["QConv"] is None and any(m.scheme.smooth_alpha for m in model.modules() if hasattr(m, "scheme"))
    assert all(m.scheme.is_static for m in model.modules() if hasattr(m, "smooth_scale"))


def test_an_observer_that_is_asked_for_stays_in_a_model_for_onnx():
    settings = {"classifier": {"activation": {"algorithm": "mse"}}}
    model = quantized("bert", "static", quant_format="QDQ", op_name_dict=settings).model
    assert model.classifier.scheme.activation.observer == "mse" and model.classifier.smooth_scale is None


def small_weights() -> tuple[nn.Module, torch.Tensor]:
    """What an alpha of 0 breaks: columns of very small weights, whose inputs it makes very large."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 16)).requires_grad_(False)
    model[0].weight[:, 3] *= 1e-3
    return model, torch.randn(40, 16)


@pytest.mark.parametrize("alpha, is_worse", [(0.0, True), (1.0, False)])
def test_a_recipe_that_makes_a_model_worse_is_said(alpha, is_worse, caplog):
    model, x = small_weights()
    with caplog.at_level(logging.WARNING):
        conf = PostTrainingQuantConfig(**arguments(alpha=alpha), reduce_range=False)  # 8 bits on each CPU
        result = fit(model, conf, calib_dataloader=[x])
    assert len(result.notes) == is_worse and ("worse with SmoothQuant than without" in caplog.text) is is_worse
    assert result.summary()["quantization"]["notes"] == result.notes
    assert not is_worse or 'alpha "auto"' in result.notes[0]


WRONG = {
    "no dict": ({"auto_alpha_args": 0.5}, "auto_alpha_args.* must be a dict"),
    "unknown": ({"auto_alpha_args": {"alpha_mni": 0.5}}, "alpha_mni"),
    "upside down": ({"auto_alpha_args": {"alpha_min": 0.8, "alpha_max": 0.2}}, "alpha_max"),
    "no step": ({"auto_alpha_args": {"alpha_step": 0}}, "alpha_step"),
}


@pytest.mark.parametrize("values, message", WRONG.values(), ids=WRONG)
def test_wrong_arguments(values, message):
    with pytest.raises(ValueError, match=message):
        PostTrainingQuantConfig(**arguments(**values))


def test_blockwise_is_refused():
    model, x = small_weights()
    settings = arguments(alpha="auto", auto_alpha_args={"do_blockwise": True})
    with pytest.raises(ValueError, match="do_blockwise is not available"):
        fit(model, PostTrainingQuantConfig(**settings), calib_dataloader=[x])
