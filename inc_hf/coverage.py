"""How much of a model a compression has changed, what it has left as it was, and why."""

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from torch import Tensor, nn

from inc_hf.telling import NOTICE

ENOUGH = 0.9  # of the weights that were not left on request; below, a user is warned
EXAMPLES = 3


class Reason(NamedTuple):
    """Why a weight was left as it was; `asked` if the user's config says so, or if it is left wherever models are."""

    text: str
    asked: bool = False


class Weight(NamedTuple):
    """The modules that hold a weight, and how many numbers it has."""

    names: tuple[str, ...]
    size: int


@dataclass
class Left:
    """Weights that were left as they were for one reason: of how many modules, how many, and the names of a few."""

    reason: str
    modules: int
    weights: int
    examples: list[str]
    asked: bool = False


@dataclass
class Coverage:
    """The share of a model's weights that a compression has changed, and what it has left.

    Weights are those of Linear, Conv, Embedding and Conv1D layers and of what resembles them, and those of three
    dimensions, such as experts; one that is shared counts once. Biases and norms are none.

    What a config leaves on request, by a name, a type or a recipe, is listed but causes no warning: who asked for it
    knows. Nor do the embeddings and the output layer of a decoder, which everybody leaves. All else does if it is more
    than a tenth of the rest, what this package leaves by default included: a model that is no smaller and no faster
    than before should not come as a surprise.
    """

    verb: str  # "Quantized", "Pruned", …
    weights: int
    changed: int
    left: list[Left] = field(default_factory=list)
    how: str = ""  # said where it is not what the config's one word means

    @property
    def share(self) -> float:
        """In [0, 1]."""
        return self.changed / self.weights if self.weights else 1.0

    @property
    def is_low(self) -> bool:
        """Whether less was changed than a user expects."""
        wanted = self.weights - sum(left.weights for left in self.left if left.asked)
        return self.changed < ENOUGH * wanted

    def __str__(self) -> str:
        count = f"{self.weights / 1e6:.1f} M" if self.weights >= 1e5 else f"{self.weights:,}"
        line = f"{self.verb} {percent(self.share)} of {count} weights{self.how and f' ({self.how})'}."
        if not self.left:
            return line
        parts = [
            f"{percent(left.weights / self.weights)} {left.reason}: {_names(left)}"
            for left in sorted(self.left, key=lambda left: -left.weights)
        ]
        return f"{line} Left as they were: {'; '.join(parts)}."

    def log(self, logger: logging.Logger, level: int = NOTICE) -> None:
        """One line; a warning if the share is low."""
        logger.log(logging.WARNING if self.is_low else level, "%s", self)

    def to_dict(self) -> dict[str, Any]:
        values = {name: value for name, value in asdict(self).items() if name != "how" or value}
        return {"share": round(self.share, 4), **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Coverage":
        """What `to_dict` gave. Raises KeyError or TypeError if that is damaged."""
        left = [Left(**entry) for entry in values["left"]]
        how = str(values.get("how", ""))
        return cls(str(values["verb"]), int(values["weights"]), int(values["changed"]), left, how)


def percent(share: float) -> str:
    """A share in [0, 1] for people: never 100 % of what is not all, nor 0 % of what is something."""
    return f"{min(max(100 * share, 0.1), 99.9):.1f} %" if 0 < share < 1 else f"{100 * share:.0f} %"


def _names(left: Left) -> str:
    return ", ".join(left.examples) + (f" and {left.modules - EXAMPLES} more" if left.modules > EXAMPLES else "")


def weights_of(model: nn.Module) -> list[Weight]:
    """All weights of a model that count, see [`Coverage`]."""
    holders: dict[int, list[str]] = {}
    sizes: dict[int, int] = {}
    for name, module in model.named_modules(remove_duplicate=False):
        for key, weight in _matrices(module):
            holders.setdefault(key, []).append(name.partition(".parametrizations.")[0])
            sizes[key] = weight.numel()
    return [Weight(tuple(dict.fromkeys(names)), sizes[key]) for key, names in holders.items()]


def _matrices(module: nn.Module) -> Iterable[tuple[int, Tensor]]:
    """The parameters of a module itself that count, with what tells them apart; of a quantized one its integers."""
    if isinstance(codes := getattr(module, "codes", None), Tensor):
        return [(id(module), codes)]
    is_parametrized = type(module).__name__.endswith("ParametrizationList")
    own = {name: p for name, p in module._parameters.items() if p is not None and p.ndim > 1}
    if is_parametrized:  # by weight norm: of a length and a direction
        return [(id(p), p) for name, p in own.items() if name in ("original", "original1")]
    return [(id(p), p) for name, p in own.items() if "weight" in name or is_deep(p)]


def is_deep(parameter: Tensor) -> bool:
    """Whether it has three dimensions, not counting those of size 1: those of a position in ViT have one."""
    return sum(size > 1 for size in parameter.shape) > 2


def is_deep_weight(module: nn.Module) -> bool:
    """Whether a module that is no convolution holds weights of three dimensions."""
    is_conv = "Conv" in type(module).__name__
    return not is_conv and any(p is not None and is_deep(p) for p in module._parameters.values())


DEEP = Reason("with weights of three dimensions (such as experts)")
UNKNOWN = Reason("left by default")


def coverage_of(
    verb: str, weights: Iterable[Weight], changed: Collection[str], reasons: Mapping[str, Reason]
) -> Coverage:
    """What became of `weights`, if those of the modules `changed` were changed.

    Args:
        weights: of [`weights_of`], before the change.
        reasons: name of a module -> why its weight was left.
    """
    groups: dict[Reason, list[Weight]] = {}
    total = done = 0
    for weight in weights:
        total += weight.size
        if any(name in changed for name in weight.names):
            done += weight.size
        else:
            reason = next((reasons[name] for name in weight.names if name in reasons), UNKNOWN)
            groups.setdefault(reason, []).append(weight)
    left = [_left(reason, group) for reason, group in groups.items()]
    return Coverage(verb, total, done, left)


def _left(reason: Reason, group: list[Weight]) -> Left:
    names = list(dict.fromkeys(weight.names[0] for weight in group))
    return Left(reason.text, len(names), sum(weight.size for weight in group), names[:EXAMPLES], reason.asked)
