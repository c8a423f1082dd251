"""What becomes one graph of ONNX."""

from dataclasses import dataclass, field

from torch import Tensor, nn

Axes = dict[str, dict[int, str]]


@dataclass
class Part:
    """A module that is called by name, and what is known of its inputs.

    Args:
        module (`nn.Module`): takes and returns tensors by name.
        batches (`list[dict[str, torch.Tensor]]`): of several sizes; the first is traced, all are compared.
        axes (`dict[str, dict[int, str]]`): `{input: {axis: name}}`, the axes whose length may change.
        metadata (`dict[str, str]`): what the file tells about itself.
        names (`dict[str, str]`): what inputs are called in the file, where that is not what the module calls them.
    """

    module: nn.Module
    batches: list[dict[str, Tensor]]
    axes: Axes
    metadata: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
