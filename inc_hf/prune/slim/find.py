"""Where a model has attention heads that can be cut out, and how they lie in the weights."""

import re
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inc_hf.matching.families import FAMILIES, resolve_name
from inc_hf.matching.layout import is_plain, is_transposed, matrix_shape

# Query, key and value, or one layer with the three side by side, and the output projection.
ATTENTIONS = tuple(
    dict.fromkeys(
        (*family.projections, family.output)
        for family in FAMILIES.values()
        if family.projections and family.has_separate_heads
    )
)
HEAD_SIZES = ("attention_head_size", "head_dim")
SHARED_BIAS = re.compile(r"rel(ative)?_(pos|attention)")  # of the heads of several layers, computed outside of them
BEHIND_OUTPUT = ("LayerNorm.weight", "LayerNorm.bias")  # ALBERT
# Their forward takes the size of the heads together for that of the hidden states, or asks the config for the number
# of heads, as does what makes their mask.
FULL_SIZE_ONLY = {
    "Attention",  # FSMT
    "DetrAttention",
    "EomtAttention",
    "EomtDinov3Attention",
    "GroupViTAttention",
    "LEDDecoderAttention",
    "Mask2FormerAttention",
    "MoonshineAttention",
    "MoonshineStreamingAttention",
    "OneFormerAttention",
    "PegasusXGlobalLocalAttention",
    "TableTransformerAttention",
    "TrOCRAttention",
    "VJEPA2PoolerCrossAttention",
}


@dataclass
class Attention:
    """The layers of an attention.

    A unit is what can only go as a whole: a head, or with grouped queries a key/value head and its `groups` queries.
    """

    name: str
    module: nn.Module
    layers: dict[str, nn.Module]  # by full name: query, key and value, or all three in one; last the output projection
    head_size: int
    groups: int

    @property
    def projections(self) -> list[nn.Module]:
        return list(self.layers.values())[:-1]

    @property
    def output(self) -> nn.Module:
        return list(self.layers.values())[-1]

    @property
    def width(self) -> int:
        """Inputs of the output projection: all query heads side by side."""
        return matrix_shape(self.output)[1]

    @property
    def heads(self) -> int:
        return self.width // self.head_size

    @property
    def units(self) -> int:
        return self.heads // self.groups

    def columns(self, units: Tensor) -> Tensor:
        """The inputs of the output projection that belong to `units`, which are the rows of the query, too."""
        return _spread(units, self.groups * self.head_size)

    def rows(self, units: Tensor) -> list[Tensor]:
        """For each of `projections` the output channels that belong to `units`."""
        if len(self.projections) == 1:
            columns = self.columns(units)
            return [torch.cat([columns + i * self.width for i in range(3)])]
        of_key = _spread(units, self.head_size)
        return [self.columns(units), of_key, of_key]


def _spread(units: Tensor, width: int) -> Tensor:
    return (units[:, None] * width + torch.arange(width, device=units.device)).flatten()


def find_attentions(model: nn.Module) -> list[Attention]:
    """The attentions whose heads nothing but these layers tells apart."""
    if any(SHARED_BIAS.search(name) for name, _ in model.named_parameters()):
        return []
    modules = dict(model.named_modules())
    found = []
    for name, module in modules.items():
        for names in ATTENTIONS if type(module).__name__ not in FULL_SIZE_ONLY else ():
            full = [resolve_name(name, child) for child in names]
            if all(n in modules and is_plain(modules[n]) for n in full):
                attention = _attention(name, module, {n: modules[n] for n in full})
                found += [attention] if attention else []
    return found


def _attention(name: str, module: nn.Module, layers: dict[str, nn.Module]) -> Attention | None:
    size = next((vars(module)[key] for key in HEAD_SIZES if isinstance(vars(module).get(key), int)), None)
    rows = [matrix_shape(layer)[0] for layer in layers.values()][:-1]
    total = matrix_shape(list(layers.values())[-1])[1]
    if len(rows) == 1:  # of the models with `c_attn`, GPTBigCode has a Linear there, and its heads one by one
        fits = rows[0] == 3 * total and all(is_transposed(layer) for layer in layers.values())
        rows = [total] * 3
    else:
        fits = rows[0] == total and rows[1] == rows[2]
    if size is None or not fits or rows[1] % size or total % rows[1] or not _has_no_others(module, layers, size):
        return None
    return Attention(name, module, layers, size, total // rows[1])


def _has_no_others(module: nn.Module, layers: dict[str, nn.Module], size: int) -> bool:
    """Whether all other parameters treat every head alike, unlike sinks, or biases and gates per head."""
    own = {id(p) for layer in layers.values() for p in layer.parameters()}
    others = {name: p for name, p in module.named_parameters() if id(p) not in own}
    return all(_is_norm_within_heads(name, p, size) or name in BEHIND_OUTPUT for name, p in others.items())


def _is_norm_within_heads(name: str, parameter: nn.Parameter, size: int) -> bool:
    return name.count(".") == 1 and parameter.shape == (size,)
