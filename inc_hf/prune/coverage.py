"""Which weights of a model pruning is about, and why not about the others."""

import re
from collections.abc import Collection, Iterable
from types import SimpleNamespace

from torch import nn

from inc_hf.coverage import DEEP, Coverage, Reason, coverage_of, is_deep_weight, weights_of
from inc_hf.prune.pattern import HeadPattern, parse_pattern
from inc_hf.prune.target import Target, head_of, is_prunable

NO_GRADIENT = Reason("that no gradient reached")
NO_DATA = Reason("that no data reached")


def pruning_coverage(
    model: nn.Module,
    configs: list[SimpleNamespace],
    found: list[list[Target]],
    missed: Collection[str] = (),
    why_missed: Reason = NO_DATA,
) -> Coverage:
    """The share of the weights whose layers were pruned, however far, and why the others stayed dense.

    Embeddings are no type that configs prune, so that they count as left on request.

    Args:
        configs, found: merged elements of `pruning_configs`, and the targets of each.
        missed: names of parts that stayed dense though they were meant, for the reason `why_missed`.
    """
    changed = {part.name for targets in found for target in targets for part in target.parts}.difference(missed)
    head = head_of(model)
    reasons = {
        name: why_missed if name in missed else _first(why_dense(name, module, name == head, c) for c in configs)
        for name, module in model.named_modules(remove_duplicate=False)
        if name not in changed
    }
    return coverage_of("Pruned layers that hold", weights_of(model), changed, reasons)


def _first(reasons: Iterable[Reason]) -> Reason:
    """Of several configs, one that means a layer and cannot prune it says more than one that leaves it out."""
    return min(reasons, key=lambda reason: reason.asked)


def why_dense(name: str, module: nn.Module, is_head: bool, config: SimpleNamespace) -> Reason:
    """Why a merged element of `pruning_configs` does not prune a module."""
    if is_deep_weight(module):
        return DEEP
    if not is_prunable(module, config.pruning_op_types):
        return Reason(f"of no type that is pruned ({type(module).__name__})", isinstance(module, nn.Embedding))
    if any(re.search(regex, name) for regex in config.excluded_op_names):
        return Reason("excluded by the config", asked=True)
    if config.op_names and not any(re.search(regex, name) for regex in config.op_names):
        return Reason("not named by the config", asked=True)
    if is_head and not config.op_names:
        return Reason("of the model's head, which is pruned only if `op_names` names it")
    if isinstance(parse_pattern(config.pattern), HeadPattern):
        return Reason("in no attention that the pattern fits")
    return Reason("whose shape the pattern does not fit")
