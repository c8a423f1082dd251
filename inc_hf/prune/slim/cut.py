"""Cutting heads and feed-forward columns out of a model, in place."""

from torch import Tensor, nn

from inc_hf.prune.layout import is_transposed, matrix_shape
from inc_hf.prune.slim.find import Attention
from inc_hf.prune.slim.find_ffn import FeedForward

# What the attention modules of transformers call these numbers.
QUERY_HEADS = ("num_attention_heads", "num_heads", "n_heads", "n_head")
KEY_HEADS = ("num_key_value_heads",)
ALL_HEADS = ("all_head_size", "head_size", "split_size", "embed_dim", "inner_dim")


def cut_heads(attention: Attention, units: Tensor) -> None:
    """Keep `units`, an index vector, and tell the module how many heads it has now."""
    rows, columns = attention.rows(units), attention.columns(units)
    before = attention.width
    for layer, kept in zip(attention.projections, rows, strict=True):
        _cut_outputs(layer, kept)
    _cut_inputs(attention.output, columns)
    values = vars(attention.module)
    if not any(name in values for name in QUERY_HEADS):  # Llama's asks the config, which may be of other layers
        values[QUERY_HEADS[0]] = attention.heads
    changes = dict.fromkeys(QUERY_HEADS, attention.heads) | dict.fromkeys(KEY_HEADS, attention.units)
    values.update({name: count for name, count in changes.items() if name in values})
    values.update({name: len(columns) for name in ALL_HEADS if values.get(name) == before})


def cut_columns(block: FeedForward, columns: Tensor) -> None:
    """Keep `columns`, an index vector, of the inner width."""
    for layer in block.first:
        _cut_outputs(layer, columns)
    _cut_inputs(block.second, columns)


def _cut_outputs(layer: nn.Module, kept: Tensor) -> None:
    layer.weight = _taken(layer.weight, 1 if is_transposed(layer) else 0, kept)
    if layer.bias is not None:
        layer.bias = _taken(layer.bias, 0, kept)
    _set_sizes(layer)


def _cut_inputs(layer: nn.Module, kept: Tensor) -> None:
    layer.weight = _taken(layer.weight, 0 if is_transposed(layer) else 1, kept)
    _set_sizes(layer)


def _taken(parameter: nn.Parameter, dim: int, kept: Tensor) -> nn.Parameter:
    data = parameter.detach().index_select(dim, kept.to(parameter.device))
    return nn.Parameter(data, requires_grad=parameter.requires_grad)


def _set_sizes(layer: nn.Module) -> None:
    outputs, inputs = matrix_shape(layer)
    names = ("nf", "nx") if is_transposed(layer) else ("out_features", "in_features")
    vars(layer).update(zip(names, (outputs, inputs), strict=True))
