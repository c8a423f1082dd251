"""Gradients through quantized layers: of inputs (prompts, saliency) and of biases.."""

import pytest
import torch
from single_layers import ACTIVATIONS, W8, every_activation, every_layer, twin_of
from tiny import tiny_model
from torch import nn

from inc_hf import PostTrainingQuantConfig, optimize
from inc_hf.errors import UsageError
from inc_hf.quantization import fit
from inc_hf.quantize.bf16 import use_bf16
from inc_hf.quantize.scheme import Scheme


def gradients_of(module, x):
    """Of the input and the bias, from the sum of squares of the result."""
    x = x.detach().clone().requires_grad_()
    module.bias.requires_grad_().grad = None
    module(x).square().sum().backward()
    return x.grad, module.bias.grad


def near(found, expected, limit=0.03):
    return all((a - b).norm() < limit * b.norm() for a, b in zip(found, expected, strict=True))


@every_activation
@every_layer
def test_gradients_are_those_of_the_float_layer(build, shape, activation):
    x, layer = torch.randn(shape), build()
    assert near(gradients_of(twin_of(layer, Scheme(W8, activation), x).eval(), x), gradients_of(layer, x))


def test_gradients_of_a_smoothed_layer():
    x, layer = torch.randn(9, 16), nn.Linear(16, 8)
    twin = twin_of(layer, Scheme(W8, ACTIVATIONS["dynamic"], 0.5), x)
    assert near(gradients_of(twin.eval(), x), gradients_of(layer, x))


def embeddings_gradient(model, embeddings):
    embeddings = embeddings.clone().requires_grad_()
    model(inputs_embeds=embeddings).logits.square().sum().backward()
    return embeddings.grad


@pytest.mark.parametrize("name", ["bert", "gpt2"])
def test_a_prompt_before_an_optimized_model_gets_its_gradient(name):
    model, embeddings = tiny_model(name), torch.randn(2, 5, 16)
    expected = embeddings_gradient(model, embeddings)
    quantized = optimize(fit(model, PostTrainingQuantConfig(approach="dynamic")).model)
    assert near([embeddings_gradient(quantized, embeddings)], [expected])


@pytest.mark.parametrize("build", [lambda m: twin_of(m, Scheme(W8)), lambda m: use_bf16(nn.Sequential(m), ["0"])[0]])
def test_a_weight_cannot_be_marked_for_training(build):
    weight = build(nn.Linear(4, 2)).weight
    weight.requires_grad = False
    with pytest.raises(UsageError, match="cannot be trained"):
        weight.requires_grad = True
    assert not weight.requires_grad
