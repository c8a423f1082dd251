"""Weight correction: rounding changes the standard deviation and the mean of an output channel, and both are put back.

INC's `weight_correction` (Nagel et al., 2019, https://arxiv.org/abs/1906.04721, section 4.2; INC did it for
convolutions): of a channel `W` and what its integers stand for, `W_q = q s`,

    W' = W_q std(W) / (std(W_q) + 1e-5),    W'' = W' + mean(W) - mean(W')

Here the result is integers again, without data and without a zero point:

    s' = s std(W) / std(W_q),    q' = q + sign(d) at |d| places,    d = round(sum(W / s' - q))

so that `std(q s') = std(W)`, and `mean(q' s')` is `mean(W)` but for half a step of one weight (or more, in a row with
too few places; `std(q' s')` is a little off). The places are those
whose rounding `W / s' - q` was nearest to going the other way (SQuant does so, Guo et al., 2022, arXiv 2202.07471).
Zeros stay zeros. INC's 1e-5 is left out: 8 bits change the standard deviation of a usual weight by less than that.
"""

import torch
from torch import Tensor

from inc_hf.ops import weight_qmax
from inc_hf.quantize.functional import SLICE_ELEMENTS, quantize_groups, quantize_weight
from inc_hf.quantize.scheme import WeightScheme


def integers_of(weight: Tensor, scheme: WeightScheme) -> tuple[Tensor, Tensor, Tensor | None]:
    """Integers, scale and zero point (or None) of a weight of shape `(out, ...)`, see `quantize_weight` and
    `quantize_groups`, corrected if the scheme says so."""
    if not scheme.is_plain:
        groups = scheme.groups_of(weight.shape[1])
        return quantize_groups(weight, scheme.num_bits, scheme.symmetric, groups)
    codes, scale = quantize_weight(weight, scheme.num_bits, scheme.per_channel)
    if scheme.corrected:
        codes, scale = correct_weight(weight, codes, scale, scheme.num_bits)
    return codes, scale, None


@torch.no_grad()
def correct_weight(weight: Tensor, codes: Tensor, scale: Tensor, num_bits: int) -> tuple[Tensor, Tensor]:
    """The integers and scale of a weight, as `quantize_weight` gave them, corrected; `codes` change in place.

    Args:
        weight (`torch.Tensor` of shape `(out, ...)`): what was quantized.
        codes (`torch.Tensor` of the same shape): int8.
        scale (`torch.Tensor` of shape `(out, 1)` or `(1,)`): a scale for the whole tensor gets its standard deviation.
    """
    matrix, integers = weight.detach().reshape(len(weight), -1), codes.view(len(codes), -1)
    if scale.numel() == 1:
        scale = scale * _spread_ratio(matrix.float().reshape(1, -1), integers.reshape(1, -1), scale).reshape(1)
    size = max(1, SLICE_ELEMENTS // max(1, matrix.shape[1]))
    corrected = []
    slices = matrix.split(size), integers.split(size), _per_row(scale, len(matrix), size)
    for rows, chunk, step in zip(*slices, strict=True):
        rows = rows.float()
        if scale.numel() > 1:
            step = step * _spread_ratio(rows, chunk, step)
        corrected.append(step)
        chunk.copy_(_with_mean(rows / step, chunk, weight_qmax(num_bits)))
    return codes, torch.cat(corrected) if scale.numel() > 1 else scale


def _per_row(scale: Tensor, rows: int, size: int) -> tuple[Tensor, ...]:
    return scale.reshape(-1, 1).expand(rows, 1).split(size)


def _spread_ratio(rows: Tensor, codes: Tensor, step: Tensor) -> Tensor:
    """`std(W) / std(W_q)` of each row; 1 where one of them is 0."""
    wanted, found = rows.std(1, correction=0, keepdim=True), codes.float().std(1, correction=0, keepdim=True) * step
    return torch.where((wanted > 0) & (found > 0), wanted / found, 1.0)


def _with_mean(exact: Tensor, codes: Tensor, qmax: int) -> Tensor:
    """`codes` of shape `(rows, n)` with the sum of `exact`, some of them rounded the other way."""
    missing = exact - codes
    total = missing.sum(1, keepdim=True).round()
    sign = total.sign()
    gain = missing * sign
    can_move = (gain > 0) & (exact != 0) & ((codes + sign).abs() <= qmax)
    order = gain.masked_fill(~can_move, -torch.inf).argsort(dim=1, descending=True, stable=True)
    places = torch.arange(exact.shape[1], device=exact.device) < torch.minimum(total.abs(), can_move.sum(1, True))
    return codes + torch.zeros_like(exact).scatter_(1, order, places * sign)
