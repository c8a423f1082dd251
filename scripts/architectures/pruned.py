"""Pruning without training."""

import copy

from architectures.inputs import Inputs
from architectures.outcome import FAULT, RIGHT, Outcome
from architectures.outputs import outputs_of
from torch import nn

from inc_hf import PostTrainingQuantConfig, quantization
from inc_hf.compression.pruner import prepare_pruning
from inc_hf.config import WeightPruningConfig
from inc_hf.quantize.nn import quantized_modules


def pruned(model: nn.Module, kind: str, inputs: Inputs) -> Outcome:
    """Half of the 4x1 blocks become zero, and are zero in the integers, too. How far the outputs move says nothing."""
    sparse = copy.deepcopy(model)
    config = WeightPruningConfig(pruning_type=kind, pattern="4x1", target_sparsity=0.5)
    prepare_pruning(sparse, config, dataloader=[inputs])
    changed = {
        name: zeros_of(p) for name, p in sparse.named_parameters() if zeros_of(p) > zeros_of(dict_of(model)[name])
    }
    if not changed:
        return Outcome(FAULT, note="nothing was pruned, and nobody said so")
    expected = outputs_of(model, inputs)
    if any(a.isnan().any() > b.isnan().any() for a, b in zip(outputs_of(sparse, inputs), expected, strict=False)):
        return Outcome(FAULT, note="the pruned model computes NaN")
    return zeros_stay(sparse, changed)


def zeros_stay(sparse: nn.Module, changed: dict[str, int]) -> Outcome:
    quantized = quantization.fit(copy.deepcopy(sparse), PostTrainingQuantConfig(approach="dynamic"))
    for name, module in quantized_modules(quantized.model).items():
        zeros = changed.get(f"{name}.weight", 0)
        if zeros_of(module.codes) < zeros:
            return Outcome(FAULT, note=f"`{name}` has lost zeros")
    weights = dict_of(sparse)
    share = sum(changed.values()) / sum(weights[name].numel() for name in changed)
    return Outcome(RIGHT, note=f"{share:.0%} of {len(changed)} weights are zero")


def dict_of(model: nn.Module) -> dict[str, nn.Parameter]:
    return dict(model.named_parameters())


def zeros_of(tensor) -> int:
    return int((tensor == 0).sum())
