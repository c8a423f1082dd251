"""Asymmetric weights and groups of inputs: the integers, the products, and what reads them, against slow twins."""

import logging

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import logits_of, quantized, tiny_inputs, tiny_model
from transformers import AutoModelForCausalLM

import inc_hf
from inc_hf import IncModelForCausalLM
from inc_hf.export import export
from inc_hf.quantize.correct import integers_of
from inc_hf.quantize.functional import dequantize_weight
from inc_hf.quantize.nn import QLinear
from inc_hf.quantize.nn.grouped import grouped_product
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme

FINE = {"asymmetric": {"scheme": "asym"}, "groups": {"group_size": 8}, "both": {"scheme": "asym", "group_size": 8}}


def fine(**weight) -> dict:
    return {"op_type_dict": {"Linear|Conv1D": {"weight": weight}}}


def slow_twin(weight: np.ndarray, bits: int, symmetric: bool, size: int) -> np.ndarray:
    """What the integers of each group stand for, one number at a time."""
    restored = np.zeros_like(weight)
    for i, row in enumerate(weight):
        for start in range(0, len(row), size):
            group = row[start : start + size]
            if symmetric:
                scale, zero, low, high = (
                    abs(group).max() / (2 ** (bits - 1) - 1),
                    0,
                    1 - 2 ** (bits - 1),
                    2 ** (bits - 1) - 1,
                )
            else:
                scale = (max(group.max(), 0) - min(group.min(), 0)) / (2**bits - 1)
                low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
                zero = round(low - min(group.min(), 0) / scale)
            for j, value in enumerate(group):
                restored[i, start + j] = (min(max(round(value / scale) + zero, low), high) - zero) * scale
    return restored


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("symmetric, size", [(True, 8), (False, -1), (False, 8)], ids=["groups", "asymmetric", "both"])
def test_is_the_slow_twin(bits, symmetric, size):
    weight = torch.randn(5, 24, generator=torch.Generator().manual_seed(bits)) + 0.3
    weight[0, :8], weight[1, 3] = weight[0, :8].abs() + 1, 0  # a group without negative values, and a zero
    codes, scale, zero = integers_of(weight, WeightScheme(bits, symmetric=symmetric, group_size=size))
    assert scale.shape == (5, 1 if size == -1 else 3) and (zero is None) is symmetric
    found = dequantize_weight(codes, scale, zero_point=zero)
    expected = slow_twin(weight.double().numpy(), bits, symmetric, 24 if size == -1 else size)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert found[1, 3] == 0


@pytest.mark.parametrize("shift", [None, -7], ids=["symmetric inputs", "asymmetric inputs"])
@pytest.mark.parametrize("symmetric, size", [(True, 8), (False, -1), (False, 8)], ids=["groups", "asymmetric", "both"])
def test_products_of_integers_are_exact(symmetric, size, shift):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(6, 24, generator=generator) + 0.3
    codes, scale, zero = integers_of(weight, WeightScheme(8, symmetric=symmetric, group_size=size))
    x = torch.randint(-128, 128, (9, 24), generator=generator, dtype=torch.int8)
    shift = None if shift is None else torch.tensor([shift], dtype=torch.int8)
    found = grouped_product(x, shift, codes, scale, zero)
    centred = x.double() - (0 if shift is None else int(shift))
    expected = centred @ dequantize_weight(codes, scale.double(), torch.float64, zero).double().T
    torch.testing.assert_close(found.double(), expected, rtol=1e-5, atol=1e-3)


@pytest.mark.parametrize("weight", FINE.values(), ids=FINE)
@pytest.mark.parametrize("approach", ["weight_only", "static"])
def test_stock_transformers_and_we_read_it(approach, weight, tmp_path):
    result = quantized("llama", approach, **fine(**weight))
    result.save_pretrained(tmp_path)
    expected = logits_of(result.model)
    assert result.model.config.quantization_config.to_dict()["quant_method"] == "compressed-tensors"
    ours = IncModelForCausalLM.from_pretrained(tmp_path)
    assert torch.equal(logits_of(ours), expected)
    stock = AutoModelForCausalLM.from_pretrained(tmp_path)
    tolerance = 0 if approach == "weight_only" else 0.05 * float(expected.std())  # it rounds activations elsewhere
    assert (logits_of(stock) - expected).abs().max() <= tolerance
    inc_hf.optimize(stock)  # whose weights are floats by now
    assert torch.equal(logits_of(stock), expected)


@pytest.mark.parametrize("name, weight", [("gpt2", FINE["both"]), ("bert", {**FINE["both"], "bits": 4})])
def test_our_own_format(name, weight, tmp_path):
    result = quantized(name, "weight_only", **fine(**weight))
    result.save_pretrained(tmp_path)
    assert result.model.config.quantization_config.to_dict()["quant_method"] == "inc"
    model = type(result.model).from_pretrained(tmp_path)
    assert torch.equal(logits_of(model), logits_of(result.model))


def test_groups_are_more_accurate():
    expected, errors = logits_of(tiny_model("llama")), []
    for weight in ({"bits": 4}, {"bits": 4, "scheme": "asym", "group_size": 4}):
        model = quantized(tiny_model("llama"), "weight_only", **fine(**weight)).model
        errors.append(float((logits_of(model) - expected).norm()))
    assert errors[1] < 0.7 * errors[0]


def test_a_size_that_does_not_divide_the_inputs():
    with pytest.raises(ValueError, match="inputs, which is no multiple of the `group_size` 7"):
        quantized("bert", "weight_only", **fine(group_size=7))


def test_no_kernel_is_said(caplog):
    with caplog.at_level(logging.WARNING):
        model = quantized("bert", "dynamic", **fine(scheme="asym")).model
    assert "have no kernel, and run in plain torch: " in caplog.text
    layers = [m for m in model.modules() if isinstance(m, QLinear)]
    assert {layer.kernel() for layer in layers} == {"INT8 in plain torch"}


@pytest.mark.parametrize("dynamic", [True, False], ids=["dynamic", "static"])
def test_a_row_of_nan_is_nan_alone(dynamic):
    scheme = Scheme(WeightScheme(symmetric=False), ActivationScheme(dynamic=dynamic))
    layer = QLinear(8, 4, True, scheme, torch.float32).eval()
    x = torch.ones(3, 8)
    x[1, 2] = torch.nan
    assert layer(x).isnan().all(-1).tolist() == [False, True, False]


def test_the_exporter_refuses():
    model = quantized("bert", "dynamic", **fine(scheme="asym")).model
    with pytest.raises(ValueError, match="asymmetric weights or groups of inputs, which the exporter does not write"):
        export(model, "model.onnx")


def test_a_damaged_zero_point(tmp_path):
    quantized("bert", "weight_only", **fine(scheme="asym", bits=6)).save_pretrained(tmp_path)
    state = load_file(tmp_path / "model.safetensors")
    next(value for key, value in state.items() if key.endswith("weight_zero_point"))[0] = 100
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="weight_zero_point` has integers outside of its 6 bits"):
        inc_hf.IncModelForSequenceClassification.from_pretrained(tmp_path)


def test_a_tied_embedding_stays_plain():
    settings = {"Embedding": {"weight": {"dtype": "int8"}}, **fine(**FINE["both"])["op_type_dict"]}
    lm_head = {"lm_head": {"weight": FINE["both"]}}
    model = quantized("gpt2", "weight_only", op_type_dict=settings, op_name_dict=lm_head).model
    assert model.lm_head.scheme.weight.is_plain and model.lm_head.codes is model.transformer.wte.codes
    assert not model.transformer.h[0].attn.c_attn.scheme.weight.is_plain
    assert model(**tiny_inputs(model)).logits.isfinite().all()
