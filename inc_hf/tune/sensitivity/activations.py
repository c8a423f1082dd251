"""How far each module's output moves when all of them are quantized (INC's strategy "mse")."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.quantize.workflow import evaluating, run
from inc_hf.tune.sensitivity.exact import exchanged
from inc_hf.tune.sensitivity.hooks import changing_outputs


@torch.no_grad()
def rank_by_activations(
    model: nn.Module, twins: Mapping[str, nn.Module], batches: Sequence[Any]
) -> list[tuple[str, float]]:
    """Names of the modules with the mean squared difference between what they return in the float model and in the one
    with all twins, the largest first. As in INC each tensor is brought to [0, 1] by its own minimum and maximum, and
    one batch is looked at."""
    batch = batches[0]
    with evaluating(model):
        expected = _outputs(model, twins, batch)
        with exchanged(model, twins):
            found = _outputs(model, twins, batch)
    errors = {name: _error(expected.get(name, []), found.get(name, [])) for name in twins}
    return sorted(errors.items(), key=lambda item: -item[1])


def _outputs(model: nn.Module, names: Iterable[str], batch: Any) -> dict[str, list[Tensor]]:
    outputs: dict[str, list[Tensor]] = {}

    def keep(name: str, args: tuple, kwargs: dict, output: Tensor) -> Tensor:
        outputs.setdefault(name, []).append(output.float().clone())
        return output

    with changing_outputs(model, names, keep):
        run(model, batch)
    return outputs


def _error(expected: list[Tensor], found: list[Tensor]) -> float:
    pairs = [(a, b) for a, b in zip(expected, found, strict=False) if a.shape == b.shape]
    differences = [(_normalized(a) - _normalized(b)).square().flatten() for a, b in pairs]
    error = torch.cat(differences).mean() if differences else torch.zeros(())
    return float(error.nan_to_num(nan=torch.inf))


def _normalized(x: Tensor) -> Tensor:
    low, high = x.min(), x.max()
    return (x - low) / (high - low).clamp(min=1e-30)
