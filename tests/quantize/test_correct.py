"""Weight correction against a slow twin in float64, written from the formula."""

import numpy as np
import pytest
import torch
from tiny import quantized, tiny_model
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantization import fit
from inc_hf.quantize.correct import correct_weight, integers_of
from inc_hf.quantize.functional import dequantize_weight, quantize_weight
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.resolve import resolve_schemes
from inc_hf.quantize.scheme import Scheme, WeightScheme
from inc_hf.quantize.workflow import convert, prepare

CORRECT = {"weight_correction": True}


def slow_twin(weight: np.ndarray, bits: int) -> tuple[list[list[int]], list[float]]:
    """Place by place: `s' = s std(W) / std(q s)`, then the sum of the integers by the cheapest places."""
    qmax, codes, scales = 2 ** (bits - 1) - 1, [], []
    for row in weight:
        scale = np.float64(np.float32(abs(row).max()) / np.float32(qmax))
        q = [int(np.clip(np.rint(np.float32(w) / np.float32(scale)), -qmax, qmax)) for w in row]
        spread = np.std([code * scale for code in q])
        if spread > 0 and np.std(row) > 0:
            scale *= np.std(row) / spread
        missing = [w / scale - code for w, code in zip(row, q, strict=True)]
        total = int(np.rint(sum(missing)))
        sign = int(np.sign(total))
        places = [i for i, w in enumerate(row) if w != 0 and missing[i] * sign > 0 and abs(q[i] + sign) <= qmax]
        for i in sorted(places, key=lambda i: -missing[i] * sign)[: abs(total)]:
            q[i] += sign
        codes.append(q)
        scales.append(scale)
    return codes, scales


@pytest.mark.parametrize("bits", [2, 3, 4, 8])
@pytest.mark.parametrize("shape", [(6, 40), (4, 3, 2, 2), (3, 1), (1, 7)], ids=str)
def test_is_the_slow_twin(shape, bits):
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(bits)) + 0.1
    codes, scale, _ = integers_of(weight, WeightScheme(bits, corrected=True))
    expected, scales = slow_twin(weight.reshape(shape[0], -1).double().numpy(), bits)
    assert codes.reshape(shape[0], -1).tolist() == expected
    torch.testing.assert_close(scale[:, 0].double(), torch.tensor(scales, dtype=torch.float64), rtol=1e-5, atol=0)


@pytest.mark.parametrize("bits", [4, 8])
def test_mean_and_spread_are_those_of_the_float_weight(bits):
    torch.manual_seed(0)
    weight = torch.randn(20, 300) + torch.randn(20, 1) / 3
    codes, scale, _ = integers_of(weight, WeightScheme(bits, corrected=True))
    found = dequantize_weight(codes, scale)
    assert ((found.mean(1) - weight.mean(1)).abs() <= scale[:, 0] / 300).all()
    torch.testing.assert_close(found.std(1), weight.std(1), rtol=0.03, atol=0)  # moved places change it
    plain = dequantize_weight(*quantize_weight(weight, bits))
    assert (found.mean(1) - weight.mean(1)).abs().mean() < 0.2 * (plain.mean(1) - weight.mean(1)).abs().mean()


def test_zeros_and_channels_without_a_spread():
    weight = torch.randn(4, 64, generator=torch.Generator().manual_seed(1))
    weight[:, ::2], weight[2], weight[3] = 0, 0, 0.5
    codes, scale, _ = integers_of(weight, WeightScheme(3, corrected=True))
    assert (codes[:, ::2][:3] == 0).all() and (codes[2] == 0).all() and (codes[3] == 3).all()
    plain, plain_scale = quantize_weight(weight, 3)
    assert torch.equal(scale[2:], plain_scale[2:]) and torch.equal(plain[2:], codes[2:])


def test_one_scale_for_all_channels():
    weight = torch.randn(8, 64, generator=torch.Generator().manual_seed(2)) * torch.logspace(-1, 0, 8)[:, None]
    codes, scale, _ = integers_of(weight, WeightScheme(4, per_channel=False, corrected=True))
    assert scale.shape == (1,)
    found = dequantize_weight(codes, scale)
    assert float(found.std() / weight.std()) == pytest.approx(1, abs=0.03)
    assert ((found.mean(1) - weight.mean(1)).abs() <= scale / 64).sum() >= 6  # rows of zeros have nothing to move


def test_slices_give_the_same(monkeypatch):
    weight = torch.randn(50, 16)
    whole = correct_weight(weight, *quantize_weight(weight, 4), 4)
    monkeypatch.setattr("inc_hf.quantize.correct.SLICE_ELEMENTS", 48)
    parts = correct_weight(weight, *quantize_weight(weight, 4), 4)
    assert all(torch.equal(a, b) for a, b in zip(whole, parts, strict=True))


def test_outputs_for_inputs_with_a_mean_come_nearer():
    torch.manual_seed(0)
    x, errors = nn.functional.gelu(torch.randn(200, 64)), []
    layer = nn.Linear(64, 48).requires_grad_(False)
    for corrected in (False, True):
        model = nn.Sequential(nn.Linear(64, 48)).requires_grad_(False)
        model[0].load_state_dict(layer.state_dict())
        convert(prepare(model, {"0": Scheme(WeightScheme(4, corrected=corrected))}))
        errors.append(float((model(x) - layer(x)).square().mean()))
    assert errors[1] < 0.85 * errors[0]


def test_products_and_convolutions_are_corrected_and_nothing_else():
    plain, found = (quantized_modules(quantized("vit", recipes=recipes).model) for recipes in ({}, CORRECT))
    assert all(m.scheme.weight.corrected for m in found.values())
    assert any(not torch.equal(m.codes, plain[name].codes) for name, m in found.items())
    words = quantized_modules(quantized("bert", recipes=CORRECT).model)
    assert {m.scheme.weight.corrected for n, m in words.items() if "embeddings" in n} == {False}


def test_with_bias_correction_the_means_are_those_of_the_corrected_weight():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(32, 24)).requires_grad_(False)
    x = torch.rand(400, 32)
    expected = model(x)
    recipes = {**CORRECT, "fast_bias_correction": True}
    conf = PostTrainingQuantConfig(
        approach="dynamic",
        calibration_sampling_size=400,
        op_type_dict={"Linear": {"weight": {"bits": 4}}},
        recipes=recipes,
    )
    found = fit(model, conf, calib_dataloader=x.split(80))(x)
    assert (found - expected).mean(0).abs().max() < 1e-4


def test_a_scheme_says_only_what_is_unusual():
    plain, corrected = Scheme(WeightScheme(7)), Scheme(WeightScheme(7, corrected=True))
    assert plain.to_dict()["weight"] == {"num_bits": 7, "per_channel": True}
    assert Scheme.from_dict(corrected.to_dict()) == corrected and Scheme.from_dict(plain.to_dict()) == plain


def test_a_tied_weight_stays_as_it_is():
    settings = {"Embedding": {"weight": {"dtype": "int8"}}, "Linear": {"weight": {"bits": 4}}}
    model = quantized("gpt2", recipes=CORRECT, op_type_dict=settings, op_name_dict={"lm_head": settings["Embedding"]})
    ends = [model.model.transformer.wte, model.model.lm_head]
    assert not any(end.scheme.weight.corrected for end in ends) and ends[0].codes is ends[1].codes


def test_what_cannot_be_corrected_is_said(caplog):
    groups = {"Linear": {"weight": {"group_size": 16}}}
    model = tiny_model("bert")
    conf = PostTrainingQuantConfig(approach="weight_only", recipes=CORRECT, op_type_dict=groups)
    schemes = resolve_schemes(model, conf)
    count = sum(not scheme.weight.is_plain for scheme in schemes.values())
    assert count and f"without groups and zero points: {count} are not corrected" in caplog.text
