"""Which layers a pruning config means, and the parts that are pruned together."""

import logging
import re
from dataclasses import dataclass
from types import SimpleNamespace

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized

from inc_hf.errors import UsageError
from inc_hf.matching.families import FAMILIES, resolve_name
from inc_hf.matching.patterns import is_in_stack, nearest
from inc_hf.prune.layout import matrix_shape
from inc_hf.prune.pattern import BlockPattern, HeadPattern, NMPattern, parse_pattern
from inc_hf.telling import warn_once

logger = logging.getLogger(__name__)

PRUNABLE = ["Linear", "Conv"]
# Query, key, value and output projection.
ATTENTIONS = tuple(
    dict.fromkeys((*family.projections, family.output) for family in FAMILIES.values() if len(family.projections) == 3)
)


@dataclass
class Part:
    """A weight, and how it is cut."""

    name: str
    module: nn.Module
    pattern: BlockPattern | NMPattern

    def all_kept(self) -> Tensor:
        """The mask of a dense weight, as a matrix."""
        return torch.ones(matrix_shape(self.module), dtype=torch.bool, device=self.module.weight.device)

    def expand(self, units: Tensor) -> Tensor:
        """The mask of blocks as that of their elements, a matrix."""
        return self.pattern.expand(units, matrix_shape(self.module))


@dataclass
class Target:
    """What has one mask: a layer, or with the pattern `mha` the four of an attention, with one unit per head."""

    name: str
    parts: list[Part]

    def fits(self) -> bool:
        """Whether each part can be cut, and all of them into the same number of units."""
        shapes = [matrix_shape(part.module) for part in self.parts]
        if not all(part.pattern.fits(shape) for part, shape in zip(self.parts, shapes, strict=True)):
            return False
        return len(self.parts) == 1 or len({p.pattern.units(s) for p, s in zip(self.parts, shapes, strict=True)}) == 1


def find_targets(model: nn.Module, config: SimpleNamespace, is_alone: bool = True) -> list[Target]:
    """The layers that one merged element of `pruning_configs` prunes.

    Layers that the pattern does not fit are left out, with one warning.

    Args:
        is_alone: whether there is no other element that could prune something.

    Raises:
        ValueError: none of `op_names` hits anything, or nothing is left to prune.
    """
    layers = select_layers(model, config)
    pattern = parse_pattern(config.pattern)
    if isinstance(pattern, HeadPattern):
        targets = find_heads(model, set(layers))
    else:
        targets = [Target(name, [Part(name, module, pattern)]) for name, module in layers.items()]
    fitting = [target for target in targets if target.fits()]
    left_out = [f"{t.name} {tuple(t.parts[0].module.weight.shape)}" for t in targets if not t.fits()]
    if left_out:
        warn_once(
            logger, model, "The pattern %s does not fit, so these stay dense: %s.", config.pattern, ", ".join(left_out)
        )
    if not fitting and is_alone:
        raise UsageError(
            f"No layer can be pruned with the pattern {config.pattern!r}: looked at {', '.join(layers) or 'none'}; "
            "see `op_names`, `excluded_op_names` and `pruning_op_types`."
        )
    return fitting


def check_owners(by_config: list[list[Target]]) -> None:
    """Raise ValueError if a weight is in the targets of two elements of `pruning_configs`, or none in any."""
    if not any(by_config):
        raise UsageError(
            "No layer can be pruned with the patterns of `pruning_configs`: none fits the layers that its element "
            "means; see `pattern`, `op_names` and `pruning_op_types`."
        )
    owners: dict[int, int] = {}
    for i, targets in enumerate(by_config):
        for part in (part for target in targets for part in target.parts):
            other = owners.setdefault(id(part.module.weight), i)
            if other != i:
                raise UsageError(
                    f"`{part.name}` is in `pruning_configs` {other} and {i}; exclude it from one of them."
                )


def select_layers(model: nn.Module, config: SimpleNamespace) -> dict[str, nn.Module]:
    """Layers by type and name. Without `op_names` the head of the model is left out, which is said."""
    candidates = {name: m for name, m in model.named_modules() if is_prunable(m, config.pruning_op_types)}
    _say_what_is_computed(model, config.pruning_op_types)
    idle = [regex for regex in config.op_names if not any(re.search(regex, name) for name in candidates)]
    if idle and idle == list(config.op_names):
        raise UsageError(f"`op_names` {idle[0]!r} matches no layer{nearest(idle[0], candidates)}")
    for regex in idle:  # one list often serves several models
        warn_once(logger, model, "`op_names` %r matches no layer%s", regex, nearest(regex, candidates))
    for regex in config.excluded_op_names:
        if not any(re.search(regex, name) for name, _ in model.named_modules()):
            warn_once(logger, model, "`excluded_op_names` %r matches no module%s", regex, nearest(regex, candidates))
    chosen = {
        name: module
        for name, module in candidates.items()
        if (not config.op_names or any(re.search(regex, name) for regex in config.op_names))
        and not any(re.search(regex, name) for regex in config.excluded_op_names)
    }
    head = None if config.op_names else head_of(model)
    if head in chosen:
        warn_once(logger, model, "`%s` is the model's head and stays dense; name it in `op_names` to prune it.", head)
        del chosen[head]
    # One weight, one layer: that of PEFT shows the weight of its base layer as its own.
    first = {id(module.weight): name for name, module in reversed(chosen.items())}
    return {name: module for name, module in chosen.items() if first[id(module.weight)] == name}


def _say_what_is_computed(model: nn.Module, types: list[str]) -> None:
    """A word on layers of these types that stay dense, as their weight is no parameter."""
    of_types = {n: m for n, m in model.named_modules() if any(t in type(m).__name__ for t in types)}
    computed = [name for name, module in of_types.items() if is_parametrized(module, "weight")]
    if computed:
        warn_once(
            logger,
            model,
            "Weight norm or another parametrization computes the weights of these layers, so they stay dense: %s. "
            "Remove it before (`torch.nn.utils.parametrize.remove_parametrizations`) to have them pruned.",
            ", ".join(computed),
        )


def is_prunable(module: nn.Module, types: list[str]) -> bool:
    """Whether the class name has one of `types` in it, and there is a weight with rows and columns."""
    weight = getattr(module, "weight", None)
    return any(t in type(module).__name__ for t in types) and isinstance(weight, nn.Parameter) and weight.ndim > 1


def head_of(model: nn.Module) -> str | None:
    """The last layer, unless it stands in a numbered stack of layers; for language models, the output embeddings."""
    layers = {name: module for name, module in model.named_modules() if is_prunable(module, PRUNABLE)}
    output = getattr(model, "get_output_embeddings", lambda: None)()
    by_embedding = next((name for name, module in layers.items() if module is output), None)
    last = next(reversed(layers), None)
    outside = last is not None and not is_in_stack(last)
    return by_embedding or (last if outside else None)


def find_heads(model: nn.Module, allowed: set[str]) -> list[Target]:
    """The attentions of which all four layers are in `allowed`."""
    targets = []
    for name, module in model.named_modules():
        for attention in ATTENTIONS:
            names = [resolve_name(name, child) for child in attention]
            heads = head_count(module)
            if heads is not None and allowed.issuperset(names):
                layers = [model.get_submodule(layer) for layer in names]
                targets.append(Target(name, head_parts(names, layers, heads)))
    return targets


def head_count(module: nn.Module) -> int | None:
    """How many heads an attention module has, under any of the names in use."""
    for owner in (module, getattr(module, "config", None)):
        for name in ("num_attention_heads", "num_heads", "n_heads"):
            if isinstance(getattr(owner, name, None), int):
                return getattr(owner, name)
    return None


def head_parts(names: list[str], layers: list[nn.Module], heads: int) -> list[Part]:
    """One unit per head in each of the four. Fewer heads of key and value give fewer units, which do not fit."""
    size = max(matrix_shape(layers[0])[0] // heads, 1)
    patterns = [BlockPattern(size, None)] * 3 + [BlockPattern(None, size)]
    return [Part(n, m, p) for n, m, p in zip(names, layers, patterns, strict=True)]
