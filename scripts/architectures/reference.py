"""The float model with what quantization rounds away, and nothing else: how far off a right answer may be."""

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from architectures.outputs import outputs_of
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D


def rounded_outputs(
    model: nn.Module, modules: Mapping[str, nn.Module], inputs: dict[str, Any], rounds: Callable[[bool], Callable]
) -> list[Tensor]:
    """Outputs of a copy whose `modules` read rounded inputs and have rounded weights: plain torch, in float.

    Args:
        modules: name -> quantized module, which tells the number of bits.
        rounds: one of [`ROUNDINGS`]: whether a module's scales are dynamic -> what rounds its input.
    """
    twin = copy.deepcopy(model)
    seen = set()
    for name, module in modules.items():
        target = twin.get_submodule(name)
        if id(target.weight) not in seen:
            seen.add(id(target.weight))
            round_weight(target, module.scheme.weight.num_bits)
        if module.scheme.activation is not None and not isinstance(target, nn.Embedding):
            target.register_forward_pre_hook(rounds(module.scheme.activation.dynamic))
    return outputs_of(twin, inputs)


@torch.no_grad()
def halved_outputs(model: nn.Module, inputs: dict[str, Any]) -> list[Tensor]:
    """Outputs of a copy whose weights are rounded to bfloat16, all of them."""
    twin = copy.deepcopy(model)
    for parameter in twin.parameters():
        if parameter.is_floating_point():
            parameter.copy_(parameter.bfloat16())
    return outputs_of(twin, inputs)


@torch.no_grad()
def round_weight(module: nn.Module, bits: int) -> None:
    weight = module.weight.T if isinstance(module, Conv1D) else module.weight
    scale = weight.abs().flatten(1).amax(1).clamp(min=1e-9) / (2 ** (bits - 1) - 1)
    scale = scale.view(-1, *[1] * (weight.ndim - 1))
    weight.copy_((weight / scale).round() * scale)


def rounds_input(module: nn.Module, args: tuple) -> tuple | None:
    """Each row with a scale of its own."""
    return (rounded(args[0], args[0].abs().amax(-1, keepdim=True)), *args[1:]) if args else None


def rounds_all_inputs(module: nn.Module, args: tuple) -> tuple | None:
    """All rows with one scale, as static ones are."""
    return (rounded(args[0], args[0].abs().amax()), *args[1:]) if args else None


def rounded(x: Tensor, largest: Tensor) -> Tensor:
    scale = largest.clamp(min=1e-9) / 127.5
    return (x / scale).round().clamp(-128, 127) * scale


ROUNDINGS = (
    lambda is_dynamic: rounds_input,
    lambda is_dynamic: rounds_all_inputs,
    lambda is_dynamic: rounds_input if is_dynamic else rounds_all_inputs,
)
