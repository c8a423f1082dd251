"""Models in which heads and feed-forward columns are masked by hand, by the names of their layers."""

from collections.abc import Callable

import pytest
import torch
from tiny import tiny_model
from torch import nn
from transformers import PreTrainedModel

# How a layer is called: query, key, value, output projection; first layers and second layer of the feed-forward block.
LAYERS = {
    "bert": ("bert.encoder.layer.{}", "attention.self.{query,key,value}", "attention.output.dense"),
    "roberta": ("roberta.encoder.layer.{}", "attention.self.{query,key,value}", "attention.output.dense"),
    "distilbert": ("distilbert.transformer.layer.{}", "attention.{q_lin,k_lin,v_lin}", "attention.out_lin"),
    "vit": ("vit.layers.{}", "attention.{q_proj,k_proj,v_proj}", "attention.o_proj"),
    "gpt2": ("transformer.h.{}", "attn.{c_attn}", "attn.c_proj"),
    "llama": ("model.layers.{}", "self_attn.{q_proj,k_proj,v_proj}", "self_attn.o_proj"),
    "phi": ("model.layers.{}", "self_attn.{q_proj,k_proj,v_proj}", "self_attn.dense"),
}
FIRST = {"bert": ["intermediate.dense"], "distilbert": ["ffn.lin1"], "vit": ["mlp.fc1"], "gpt2": ["mlp.c_fc"]}
FIRST |= {"phi": ["mlp.fc1"], "roberta": FIRST["bert"], "llama": ["mlp.gate_proj", "mlp.up_proj"]}
SECOND = {"bert": "output.dense", "roberta": "output.dense", "distilbert": "ffn.lin2", "vit": "mlp.fc2"}
SECOND |= {"phi": "mlp.fc2", "gpt2": "mlp.c_proj", "llama": "mlp.down_proj"}
# Three layers of four heads of size 4, and an inner width of 32 (GPT-2: 64).
SIZES = {
    "distilbert": {"n_layers": 3, "n_heads": 4},
    "gpt2": {"n_layer": 3, "n_head": 4},
    "grouped": {"num_hidden_layers": 3, "num_attention_heads": 4, "num_key_value_heads": 2, "attention_bias": True},
}
HEAD = 4


def zero_outputs(layer: nn.Module, rows: slice) -> None:
    """Output channels of a weight; the bias stays, as pruning leaves it."""
    weight = layer.weight.T if type(layer).__name__ == "Conv1D" else layer.weight
    weight[rows] = 0


def zero_inputs(layer: nn.Module, columns: slice) -> None:
    weight = layer.weight.T if type(layer).__name__ == "Conv1D" else layer.weight
    weight[:, columns] = 0


@torch.no_grad()
def mask_head(block: nn.Module, kind: str, head: int) -> None:
    """A head; of grouped queries, a key/value head and its queries."""
    _, projections, output = LAYERS[kind]
    folder, names = projections.rstrip("}").split(".{")
    layers = [block.get_submodule(f"{folder}.{name}") for name in names.split(",")]
    out = block.get_submodule(output)
    if kind == "gpt2":
        for start in (0, 16, 32):
            zero_outputs(layers[0], slice(start + head * HEAD, start + (head + 1) * HEAD))
        zero_inputs(out, slice(head * HEAD, (head + 1) * HEAD))
        return
    wide = HEAD * layers[0].out_features // layers[1].out_features
    for layer, size in zip((*layers, out), (wide, HEAD, HEAD, wide), strict=True):
        zero = zero_inputs if layer is out else zero_outputs
        zero(layer, slice(head * size, (head + 1) * size))


@torch.no_grad()
def masked(name: str, heads: list[list[int]], columns: list[list[int]], **values) -> PreTrainedModel:
    """A tiny model of three layers without these heads and feed-forward columns, and with biases that are not zero."""
    kind = "llama" if name == "grouped" else name
    sizes = SIZES.get(name, {"num_hidden_layers": 3, "num_attention_heads": 4})
    model = tiny_model(kind, **{**sizes, **values})
    for parameter in model.parameters():
        if parameter.ndim == 1:
            parameter.add_(torch.randn(parameter.shape) * 0.1)
    for i in range(3):
        block = model.get_submodule(LAYERS[kind][0].format(i))
        for head in heads[i]:
            mask_head(block, kind, head)
        zero_inputs(block.get_submodule(SECOND[kind]), columns[i])
    return model


@pytest.fixture
def make_masked() -> Callable[..., PreTrainedModel]:
    return masked


@pytest.fixture
def layer_of() -> Callable[..., nn.Module]:
    """A layer of a model by its kind, the number of its block and its name there."""

    def find(model: PreTrainedModel, kind: str, index: int, name: str) -> nn.Module:
        return model.get_submodule(LAYERS[kind][0].format(index)).get_submodule(name)

    return find


@pytest.fixture
def widths_of() -> Callable[[PreTrainedModel, str], list[tuple[int, ...]]]:
    """Of each block the inputs of the output projection, the outputs of the first layers, the inputs of the second."""

    def find(model: PreTrainedModel, kind: str) -> list[tuple[int, ...]]:
        found = []
        for i in range(3):
            block = model.get_submodule(LAYERS[kind][0].format(i))
            transposed = kind == "gpt2"
            first = [block.get_submodule(name).weight.shape[transposed] for name in FIRST[kind]]
            ends = [block.get_submodule(n).weight.shape[not transposed] for n in (LAYERS[kind][2], SECOND[kind])]
            found.append((ends[0], *first, ends[1]))
        return found

    return find
