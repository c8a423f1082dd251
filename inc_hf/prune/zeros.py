"""The zeros of weights by pattern: single ones, blocks of 4x1, N of M consecutive inputs."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from inc_hf.coverage import percent
from inc_hf.prune.pattern import BlockPattern, NMPattern

BLOCK = BlockPattern(4, 1)  # what the sparse kernel leaves out
GROUPS = (2, 4, 8, 16)  # of how many consecutive inputs, N:M is looked for
SLACK = 0.05  # a weight with many more zeros than N:M asks for has them for another reason


@dataclass(frozen=True)
class Zeros:
    """Of one weight: how many numbers and 4x1 blocks it has, how many of them are zero, and the N:M that holds."""

    weights: int
    zeros: int
    blocks: int
    zero_blocks: int
    n_of_m: str | None = None

    @property
    def share(self) -> float:
        """Of zero weights, in [0, 1]."""
        return self.zeros / max(self.weights, 1)


def zeros_of(matrix: Tensor) -> Zeros:
    """The zeros of a weight.

    Args:
        matrix (`torch.Tensor` of shape `(out_features, in_features)`): float, or integers.
    """
    zero = matrix == 0
    whole = zero[: len(zero) // BLOCK.rows * BLOCK.rows]
    zero_blocks = whole.unflatten(0, (-1, BLOCK.rows)).all(1) if len(whole) else whole
    share = float(zero.float().mean()) if zero.numel() else 0.0
    return Zeros(zero.numel(), int(zero.sum()), zero_blocks.numel(), int(zero_blocks.sum()), n_of_m_of(zero, share))


def n_of_m_of(zero: Tensor, share: float) -> str | None:
    """The strictest N:M that all groups of inputs keep, if it is what the zeros, `share` of all, are there for."""
    found = [NMPattern(_fewest(zero, of), of) for of in GROUPS if zero.numel() and zero.shape[1] % of == 0]
    best = max(found, key=lambda pattern: (pattern.zeros_per_unit, -pattern.of), default=None)
    if best is None or not 0 < best.zeros < best.of or share > best.zeros_per_unit + SLACK:
        return None
    return str(best)


def _fewest(zero: Tensor, of: int) -> int:
    return int(zero.unflatten(1, (-1, of)).sum(-1).min())


def zeros_in_numbers(zeros: Mapping[str, Zeros]) -> dict[str, Any]:
    """Shares of zero weights and blocks in [0, 1], and how many layers keep which N:M."""
    blocks = sum(z.blocks for z in zeros.values())
    return {
        "layers": len(zeros),
        "weights": round(_share(zeros), 4),
        "blocks_4x1": round(sum(z.zero_blocks for z in zeros.values()) / max(blocks, 1), 4),
        "n_of_m": dict(Counter(z.n_of_m for z in zeros.values() if z.n_of_m).most_common()),
    }


def zeros_in_words(zeros: Mapping[str, Zeros]) -> str:
    """The same for people, with the least and the most pruned layer."""
    numbers = zeros_in_numbers(zeros)
    if not any(z.zeros for z in zeros.values()):
        return f"none in {len(zeros)} Linear and Conv layers"
    words = f"{percent(numbers['weights'])} of the weights and {percent(numbers['blocks_4x1'])} of the 4x1 blocks"
    words += f" of {len(zeros)} Linear and Conv layers"
    least, most = min(zeros, key=lambda n: zeros[n].share), max(zeros, key=lambda n: zeros[n].share)
    if len(zeros) > 1:
        low, high = percent(zeros[least].share), percent(zeros[most].share)
        words += f", from {low} ({least}) to {high} ({most})"
    return words + "".join(f"; {pattern} in {count} of them" for pattern, count in numbers["n_of_m"].items())


def _share(zeros: Mapping[str, Zeros]) -> float:
    return sum(z.zeros for z in zeros.values()) / max(sum(z.weights for z in zeros.values()), 1)
