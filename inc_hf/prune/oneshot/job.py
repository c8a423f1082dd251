"""What is asked of a layer: which statistics it needs, and what is done with them."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace

from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.prune.layout import from_matrix, to_matrix
from inc_hf.prune.oneshot.dsnot import dsnot_mask
from inc_hf.prune.oneshot.sparsegpt import sparsegpt
from inc_hf.prune.oneshot.statistics import Hessian, Moments, Statistics, check_supported, statistics_dtype
from inc_hf.prune.oneshot.units import share_of
from inc_hf.prune.oneshot.wanda import wanda_mask
from inc_hf.prune.target import Part, Target

logger = logging.getLogger(__name__)


@dataclass
class Job:
    """`apply` changes the weights of `changed` in place when the statistics of the inputs of `module` are complete."""

    name: str
    module: nn.Module
    statistics: Callable[[nn.Module], Statistics]
    apply: Callable[[Statistics], None]
    changed: list[nn.Module]
    is_reached: bool = True  # by any data; known afterwards

    def remembered(self, keep: Callable[[Tensor], None]) -> "Job":
        """The same, calling `keep` with each weight before it is changed."""

        def apply(seen: Statistics) -> None:
            for module in self.changed:
                keep(module.weight)
            self.apply(seen)

        return replace(self, apply=apply)


def prune_by_sparsegpt(part: Part, matrix: Tensor, seen: Hessian, share: float, keeps_zeros: bool = False) -> Tensor:
    return sparsegpt(matrix, seen.matrix, part.pattern, share, keeps_zeros=keeps_zeros)


def prune_by_wanda(part: Part, matrix: Tensor, seen: Moments, share: float, variant: bool = False) -> Tensor:
    return matrix.masked_fill(~wanda_mask(matrix, seen.norms, part.pattern, share, variant), 0)


def prune_by_dsnot(part: Part, matrix: Tensor, seen: Moments, share: float) -> Tensor:
    mask = wanda_mask(matrix, seen.norms, part.pattern, share)
    return matrix.masked_fill(~dsnot_mask(matrix, seen, mask, part.pattern), 0)


# Types that look at one layer after the other: the statistics, and the pruned weight from the part, its weight as a
# matrix, the statistics and the share of its units.
METHODS = {
    "sparse_gpt": (Hessian, prune_by_sparsegpt),
    "wanda": (Moments, prune_by_wanda),
    "wanda_variant": (Moments, partial(prune_by_wanda, variant=True)),  # no type of a config, but of `prune_wanda`
    "dsnot": (Moments, prune_by_dsnot),
}


def layer_job(target: Target, config: SimpleNamespace) -> Job:
    """The job of one of `METHODS` on a layer.

    Raises:
        ValueError: the layer is of a kind whose inputs cannot be written as rows.
    """
    part = target.parts[0]
    check_supported(part.name, part.module)
    statistics, prune = METHODS[config.pruning_type]
    if config.lock_init_sparsity and prune is prune_by_sparsegpt:  # the others change no zeros
        prune = partial(prune, keeps_zeros=True)
    share = share_of(config, part.pattern)
    return Job(part.name, part.module, statistics, partial(prune_layer, part, prune, share), [part.module])


def prune_layer(part: Part, prune: Callable[..., Tensor], share: float, seen: Statistics) -> None:
    """Put the pruned weight into the layer; one that no data reached stays as it is, with a warning.

    Raises:
        ValueError: the inputs or the weight have NaN or infinite values, or the Hessian cannot be inverted.
    """
    if not seen.tokens:
        logger.warning("No data reached `%s`, so it stays dense.", part.name)
        return
    check_finite(part.name, part.module.weight, seen)
    weight = part.module.weight
    matrix = to_matrix(part.module, weight).to(statistics_dtype(weight))
    try:
        pruned = prune(part, matrix, seen, share)
    except ValueError as error:
        raise UsageError(f"`{part.name}`: {error}.") from error
    weight.copy_(from_matrix(part.module, pruned))


def check_finite(name: str, weight: Tensor, seen: Statistics) -> None:
    if not weight.isfinite().all():
        raise UsageError(f"The weight of `{name}` has NaN or infinite values; check the model.")
    if not seen.is_finite():
        raise UsageError(
            f"The inputs of `{name}` give a Hessian or norms with NaN or infinite values; check the data, and the "
            "model in float32."
        )
