"""How sparse a model is."""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

from torch import nn

from inc_hf.prune.layout import to_matrix, whole
from inc_hf.prune.pruner import Pruner
from inc_hf.prune.target import PRUNABLE, Target, is_prunable

if TYPE_CHECKING:
    from pandas import DataFrame


def get_sparsity_ratio(pruners: list[Pruner], model: nn.Module) -> tuple[float, float, float]:
    """Zeros of the pruned layers as shares: of all Linear and Conv weights, of all parameters; and blockwise.

    Returns:
        `tuple[float, float, float]`: INC's `elementwise_over_matmul_gemm_conv`, `elementwise_over_all` and
        `blockwise_over_matmul_gemm_conv`; the last one counts only what is zero in whole units.
    """
    layers = {id(m.weight): m.weight for m in model.modules() if is_prunable(m, PRUNABLE)}
    weights = sum(w.numel() for w in layers.values())
    zeros = sum(int((whole(w) == 0).sum()) for w in layers.values())
    blockwise = sum(_zeros_in_units(pruner) for pruner in pruners)
    parameters = sum(p.numel() for p in model.parameters())
    return zeros / max(weights, 1), zeros / max(parameters, 1), blockwise / max(weights, 1)


def zeros_in_targets(targets: Iterable[Target]) -> float:
    """The share of zeros, in [0, 1], in the weights of the layers that are pruned; without the layers left dense."""
    modules = {id(part.module): part.module for target in targets for part in target.parts}
    weights = [whole(module.weight.detach()) for module in modules.values()]
    return sum(int((w == 0).sum()) for w in weights) / max(sum(w.numel() for w in weights), 1)


def pruned_in_words(model: nn.Module, configs: Sequence[SimpleNamespace], found: Sequence[list[Target]]) -> str:
    """What came out of pruning, in one line.

    Args:
        configs, found: merged elements of `pruning_configs`, and the targets of each.
    """
    targets = [target for each in found for target in each]
    parts = {part.name for target in targets for part in target.parts}
    patterns = " and ".join(dict.fromkeys(config.pattern for config in configs))
    return (
        f"Pruned {len(parts)} layers: {zeros_in_targets(targets):.2%} of their weights are zero ({patterns}), and "
        f"{get_sparsity_ratio([], model)[0]:.2%} of all Linear and Conv weights."
    )


def _zeros_in_units(pruner: Pruner) -> float:
    zeros = 0.0
    for part in pruner.parts():
        matrix = to_matrix(part.module, whole(part.module.weight.detach()))
        units = part.pattern.nonzero_units(matrix)
        zeros += float((~units).sum()) / units.numel() * matrix.numel() * part.pattern.zeros_per_unit
    return zeros


def report_sparsity(model: nn.Module) -> tuple["DataFrame", float]:
    """Zeros of every Linear and Conv weight.

    Returns:
        `tuple[pandas.DataFrame, float]`: INC's columns Name, Shape, NNZ (dense), NNZ (sparse) and Sparsity(%), where
        NNZ (sparse) counts the zeros; and the sparsity of all of them, in per cent.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError("`report_sparsity` returns a pandas table: pip install pandas") from error
    rows, seen = [], set()
    for name, module in model.named_modules():
        if is_prunable(module, PRUNABLE) and id(module.weight) not in seen:
            seen.add(id(module.weight))
            zeros, total = int((whole(module.weight) == 0).sum()), module.weight.numel()
            rows.append((name, tuple(module.weight.shape), total - zeros, zeros, 100 * zeros / total))
    columns = ["Name", "Shape", "NNZ (dense)", "NNZ (sparse)", "Sparsity(%)"]
    table = pandas.DataFrame(rows, columns=columns)
    total = table["NNZ (dense)"].sum() + table["NNZ (sparse)"].sum()
    return table, 100 * float(table["NNZ (sparse)"].sum()) / max(int(total), 1)
