"""How much each quantized module harms the output: the order in which modules go back to float."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from inc_hf.tune.sensitivity.activations import rank_by_activations
from inc_hf.tune.sensitivity.exact import first_output, rank_by_damage, rank_twins, together
from inc_hf.tune.sensitivity.first_order import rank_by_gradients
from inc_hf.tune.sensitivity.hessian import rank_by_hessian
from inc_hf.undo import restored

Ranking = list[tuple[str, float]]
# Each is called with the float model, its modules' twins by name, and batches; the most harmful first.
RANKINGS: dict[str, Callable[[nn.Module, Mapping[str, nn.Module], Sequence[Any]], Ranking]] = {
    "gradients": rank_by_gradients,
    "exact": rank_twins,
    "activations": rank_by_activations,
    "hessian": rank_by_hessian,
}

__all__ = ["RANKINGS", "Ranking", "first_output", "rank_by_damage", "rank_twins", "ranked", "together"]


def ranked(
    model: nn.Module,
    names: list[str],
    twins: Callable[[], Mapping[str, nn.Module]],
    inputs: Sequence[Any],
    by: str,
    **settings: Any,
) -> list[list[str]]:
    """The modules of these names, the most harmful first by one of `RANKINGS`, with those that share a weight as one
    item. Without inputs in the order of `names`, and no twins are made."""
    if inputs:
        with restored(model):
            names = [name for name, _ in RANKINGS[by](model, twins(), inputs, **settings)]
    return together(model, names)
