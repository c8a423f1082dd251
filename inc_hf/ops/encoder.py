"""All layers of an encoder in one native call, on the rows of the real tokens. `encoder_reference.py` has its twin."""

from collections.abc import Sequence

import torch
from torch import Tensor

from inc_hf.ops.devices import refuse_elsewhere
from inc_hf.ops.encoder_plan import EncoderPlan
from inc_hf.ops.library import is_available


def encoder(x: Tensor, cu_seqlens: Tensor, plan: EncoderPlan, every_layer: bool = False) -> Tensor:
    """Hidden states of sequences that lie one after another, without padding.

    Args:
        x (`torch.Tensor` of shape `(tokens, hidden)`): float32, on the CPU.
        cu_seqlens (`torch.Tensor` of shape `(sequences + 1,)`): int64, from 0 to `tokens`: sequence `s` has the rows
            from `cu_seqlens[s]` to `cu_seqlens[s + 1]`, at least one and at most 65,536.
        every_layer (`bool`): return the hidden states after each layer.

    Returns:
        `torch.Tensor`: of shape `(tokens, hidden)`, or `(layers, tokens, hidden)`. A sequence's result depends on that
        sequence alone, bit for bit.

    Raises:
        ValueError: wrong type, shape or device, an empty sequence, a plan that is corrupt or of another CPU.
    """
    return torch.ops.inc_hf.encoder.default(x, cu_seqlens, plan.numbers, plan.weights, every_layer)


def cu_seqlens_of(lengths: Sequence[int] | Tensor) -> Tensor:
    """Lengths of sequences as `encoder` takes them."""
    lengths = torch.as_tensor(lengths, dtype=torch.int64)
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])


if is_available():

    @torch.library.register_fake("inc_hf::encoder")
    def _(x, cu_seqlens, plan, weights, every_layer):
        refuse_elsewhere(x, cu_seqlens=cu_seqlens, plan=plan, weights=weights)
        if every_layer:
            raise NotImplementedError("How many layers there are is in the plan, which a traced program cannot read.")
        return torch.empty_like(x)
