"""What may vary in a model that training has quantized: which of its modules go back to the float ones."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from inc_hf.coverage import Coverage, Reason
from inc_hf.errors import UsageError
from inc_hf.quantize.coverage import Inventory
from inc_hf.quantize.nn import op_type, quantized_modules
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.sensitivity import ranked, together
from inc_hf.tune.sensitivity.mixture import Mixture
from inc_hf.tune.space import copy_of


class TrainedSpace:
    """A [`Space`] without any training: the twins stay what they are, whatever the others become.

    Args:
        converted: the quantized model, as training has left it.
        float_layers: name -> the float layer that was trained, of each quantized module.
        inventory, left: see [`inc_hf.quantize.coverage`].
        inputs: a few batches, to see what harms.
    """

    def __init__(
        self,
        converted: nn.Module,
        float_layers: Mapping[str, nn.Module],
        inventory: Inventory,
        left: Mapping[str, Reason],
        inputs: list,
    ):
        self.converted, self.inventory, self.left, self.inputs = converted, inventory, left, inputs
        self.twins = quantized_modules(converted)
        self.float_layers = {name: float_layers[name] for name in self.twins}
        self.model = in_float(copy_of(converted), self.float_layers)

    def candidates(self) -> list[Candidate]:
        return [Candidate("as trained", {name: twin.scheme for name, twin in self.twins.items()})]

    def build(self, candidate: Candidate) -> nn.Module:
        return self.chosen(copy_of(self.converted), candidate)

    def chosen(self, model: nn.Module, candidate: Candidate) -> nn.Module:
        """A model like `converted`, with the candidate's other modules in float, in place."""
        others = {name: layer for name, layer in self.float_layers.items() if name not in candidate.schemes}
        return in_float(model, others)

    def coverage(self, model: nn.Module, candidate: Candidate) -> Coverage:
        return self.inventory.coverage("Quantized", quantized_modules(model), self.left, self.twins, candidate.schemes)

    def kinds(self, candidate: Candidate) -> dict[str, str]:
        return {name: op_type(self.float_layers[name]) for name in candidate.schemes}

    def groups(self, candidate: Candidate) -> list[list[str]]:
        return together(self.model, list(candidate.schemes))

    def rank(self, candidate: Candidate, by: str = "gradients", **settings: Any) -> list[list[str]]:
        """Without inputs, from the last module to the first."""
        names = list(candidate.schemes)[::-1]
        return ranked(self.model, names, lambda: self._twins_of(candidate), self.inputs, by, **settings)

    def mixture(self, candidate: Candidate, batches: int) -> Mixture:
        if not self.inputs:
            raise UsageError("The strategy compares outputs, and `eval_func` never called the model to see inputs.")
        return Mixture(self.model, self._twins_of(candidate), self.inputs[:batches])

    def _twins_of(self, candidate: Candidate) -> dict[str, nn.Module]:
        return {name: self.twins[name] for name in candidate.schemes}


def in_float(model: nn.Module, float_layers: Mapping[str, nn.Module]) -> nn.Module:
    """Put float layers in the places of the quantized ones, in place; all names of a shared one get it."""
    places = {name: id(module) for name, module in model.named_modules(remove_duplicate=False)}
    layers = {places[name]: layer for name, layer in float_layers.items()}
    for name, place in places.items():
        if place in layers:
            model.set_submodule(name, layers[place])
    return model
