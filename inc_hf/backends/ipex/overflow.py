"""Whether the integer operators of oneDNN are exact on this CPU."""

import functools

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inc_hf.backends.ipex.trace import trace
from inc_hf.errors import UsageError

DEPTH, LARGEST = 64, (255, 127)


class _Extreme(nn.Module):
    """A sum of the largest products of uint8 and int8."""

    def forward(self, x: Tensor) -> Tensor:
        weight = torch.full((DEPTH, DEPTH), float(LARGEST[1]))
        weight = torch.quantize_per_channel(weight, torch.ones(DEPTH), torch.zeros(DEPTH).long(), 0, torch.qint8)
        return F.linear(torch.quantize_per_tensor(x, 1.0, 0, torch.quint8).dequantize(), weight.dequantize())


@functools.cache
def sums_overflow() -> bool:
    """Whether products of 8 by 8 bits are added in 16 bits, which overflow: so it is without VNNI. IPEX is imported.

    Tried rather than looked up, since `ONEDNN_MAX_CPU_ISA` decides, too.
    """
    x = torch.full((DEPTH, DEPTH), float(LARGEST[0]))
    sums = trace(_Extreme().eval(), {"x": x}, "int8")({"x": x})["output"]
    return bool((sums != DEPTH * LARGEST[0] * LARGEST[1]).any())


def refuse_overflow(weight_bits: int) -> None:
    """Raise ValueError if weights of so many bits are not exact here; those of 7 are everywhere."""
    if weight_bits > 7 and sums_overflow():
        raise UsageError(
            "On a CPU without VNNI, IPEX's sums of 8-bit weights overflow; quantize with "
            "`PostTrainingQuantConfig(reduce_range=True)` for weights of 7 bits, which `open_session` takes."
        )
