"""From a module of torch to a session, and whether that computes the same."""

import warnings
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inc_hf.backends.compare import axes_of, named, other_batch, why_different
from inc_hf.backends.ipex.session import IpexSession

WARM_UP = 3  # TorchScript looks at the first calls, and optimizes the graph after that


class TraceError(RuntimeError):
    """A traced graph does not compute what the model computes."""


class Flat(nn.Module):
    """Calls a model with inputs by position, and gives the outputs that were asked for as a tuple."""

    def __init__(self, model: nn.Module, input_names: list[str], output_names: list[str]):
        super().__init__()
        self.model, self.input_names, self.output_names = model, input_names, output_names

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        outputs = named(self.model(**dict(zip(self.input_names, inputs, strict=True))))
        return tuple(outputs[name] for name in self.output_names)


@torch.no_grad()
def trace(model: nn.Module, inputs: Mapping[str, Tensor], precision: str) -> IpexSession:
    """Record what `model` does with `inputs`, and let IPEX optimize that.

    Args:
        model (`nn.Module`): in evaluation mode, prepared by IPEX.
        inputs (`dict[str, torch.Tensor]`): two samples by the names of `forward`.
        precision (`str`): "bfloat16" casts as `torch.autocast` does.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of values that become constants; `check` finds those that must not
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
            flat = Flat(model, list(inputs), list(named(model(**inputs)))).eval()
            graph = torch.jit.freeze(torch.jit.trace(flat, tuple(inputs.values()), check_trace=False))
        axes = axes_of(inputs)
        session = IpexSession(graph, flat.input_names, flat.output_names, precision)
        session.input_shapes = {n: [axes[n].get(i, d) for i, d in enumerate(t.shape)] for n, t in inputs.items()}
        for _ in range(WARM_UP):
            session(inputs)
    return session


def check(session: IpexSession, model: nn.Module, inputs: Mapping[str, Tensor], limit: float) -> IpexSession:
    """Compare with `model` on `inputs` and on a batch of another size, length and padding; returns the session.

    Raises:
        TraceError: shapes differ, or values differ by more than `limit` of the largest value of an output.
    """
    for batch in (inputs, other_batch(inputs, axes_of(inputs))):
        if reason := why_different(session, model, batch, limit):
            raise TraceError(f"The graph of IPEX is wrong: {reason}; use backend='onnxruntime' or backend='torch'.")
    return session
