"""The model with some of its modules quantized and the others in float."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from inc_hf.quantize.workflow import evaluating, run
from inc_hf.tune.sensitivity.exact import error_of, exchanged, first_output


class Mixture:
    """Tells the output error of any mixture of a float model and its modules' twins, without an evaluation."""

    @torch.no_grad()
    def __init__(self, model: nn.Module, twins: Mapping[str, nn.Module], batches: Sequence[Any]):
        self.model, self.twins, self.batches = model, twins, batches
        with evaluating(model):
            self.references = [first_output(run(model, batch)) for batch in batches]

    @torch.no_grad()
    def error(self, in_float: Collection[str]) -> float:
        """Mean squared error over the variance, with these modules in float and the others quantized."""
        twins = {name: twin for name, twin in self.twins.items() if name not in in_float}
        with evaluating(self.model), exchanged(self.model, twins):
            return error_of(self.model, self.batches, self.references)
