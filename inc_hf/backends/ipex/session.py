"""Running a traced model."""

from collections.abc import Mapping

import torch
from torch import Tensor

from inc_hf.errors import UsageError


class IpexSession:
    """A graph of TorchScript, optimized by IPEX, that takes and returns tensors by name.

    The first calls with inputs of a new shape are slower: oneDNN prepares its operators for it.

    Attributes:
        input_names, output_names (`list[str]`): those of the model, in the order of the graph.
        input_shapes (`dict[str, list[int | str]]`): axes that may change have a name; set by [`trace`].
        graph (`torch.jit.ScriptModule`): takes and returns tuples in these orders.
        precision (`str`): "float32", "bfloat16" or "int8".
    """

    def __init__(self, graph: torch.jit.ScriptModule, input_names: list[str], output_names: list[str], precision: str):
        self.graph, self.precision = graph, precision
        self.input_names, self.output_names = input_names, output_names
        self.input_shapes: dict[str, list[int | str]] = {}

    @torch.no_grad()
    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Run a batch; inputs that the graph does not know are left out. Floats come back as float32.

        Raises:
            ValueError: an input is missing.
        """
        if missing := [name for name in self.input_names if inputs.get(name) is None]:
            raise UsageError(f"The IPEX model needs the inputs {', '.join(missing)}, got {', '.join(inputs)}.")
        outputs = self.graph(*(inputs[name].detach() for name in self.input_names))
        outputs = [value.float() if value.is_floating_point() else value for value in outputs]
        return dict(zip(self.output_names, outputs, strict=True))

    def __repr__(self) -> str:
        inputs, outputs = ", ".join(self.input_names), ", ".join(self.output_names)
        return f"IpexSession({self.precision}: {inputs} -> {outputs})"
