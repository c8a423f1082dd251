"""Units of a pattern: how many are pruned, and how large they are."""

from types import SimpleNamespace

from inc_hf.prune.pattern import BlockPattern, NMPattern, Pattern


def share_of(config: SimpleNamespace, pattern: Pattern) -> float:
    """Which share of the units makes the target sparsity, within the limits for a layer."""
    sparsity = max(min(config.target_sparsity, config.max_sparsity_ratio_per_op), config.min_sparsity_ratio_per_op)
    return min(1.0, sparsity / pattern.zeros_per_unit)


def unit_shape(pattern: BlockPattern | NMPattern) -> tuple[int, int]:
    """Rows and columns of a block or an N:M group."""
    return (1, pattern.of) if isinstance(pattern, NMPattern) else (pattern.rows, pattern.cols)
