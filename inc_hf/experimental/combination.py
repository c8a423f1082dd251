"""`Scheduler.combine`: several components that train one model at the same time."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from torch.optim import Optimizer

from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.experimental.component import Component, Config
from inc_hf.experimental.distillation import Distillation
from inc_hf.experimental.pruning import Pruning
from inc_hf.experimental.quantization import Quantization
from inc_hf.experimental.train import Training
from inc_hf.migrate.conf import Conf as Sections

COMBINED = (Quantization, Pruning, Distillation)


class Combination(Component):
    """Has the hooks of all its parts, in their order; what several confs say, the first says.

    Set `train_func` and `eval_func` on the combination, not on its parts.

    Raises:
        ValueError: fewer than two parts, two of one kind, one that does not train, or different devices.
    """

    def __init__(self, parts: Iterable[Component]):
        parts = [each for part in parts for each in (part.parts if isinstance(part, Combination) else [part])]
        check_parts(parts)
        super().__init__(parts[0].conf)
        self.parts: list[Component] = parts

    @property
    def combination(self) -> list[str]:
        """The names of the parts."""
        return [repr(part) for part in self.parts]

    def sections(self) -> Sections:
        found = [part.sections() for part in self.parts]
        return replace(found[0], **{name: _first(getattr(each, name) for each in found) for name in SHARED})

    def configs(self, steps_per_epoch: int | None) -> list[Config]:
        return [config for part in self.parts for config in part.configs(steps_per_epoch)]

    def counts_epochs(self, steps_per_epoch: int | None) -> bool:
        return any(part.counts_epochs(steps_per_epoch) for part in self.parts)

    def training_of_conf(self, loader: Any = None) -> Training:
        """As the distillation says, otherwise as the first part that says it."""
        parts = sorted(self.parts, key=lambda part: not isinstance(part, Distillation))
        part = next((part for part in parts if part.has_training()), parts[0])
        return part.training_of_conf(self.train_dataloader if loader is None else loader)

    def known_optimizer(self) -> Optimizer | None:
        return _first(part.known_optimizer() for part in self.parts)

    def __repr__(self) -> str:
        return f"Combination of {','.join(self.combination)}"


SHARED = ("evaluation", "tuning", "train")


def check_parts(parts: list[Any]) -> None:
    """Raise ValueError if these cannot train one model together."""
    for part in parts:
        if not isinstance(part, COMBINED):
            names = ", ".join(kind.__name__ for kind in COMBINED)
            raise UsageTypeError(f"`combine` takes components of {names}, got {type(part).__name__}.")
        if isinstance(part, Quantization) and not part.trains:
            raise UsageError(
                "`combine` needs components that train, and this Quantization has `approach` "
                f"{part.sections().quantization.approach}; use `quant_aware_training`, or `append` it behind the "
                "others."
            )
    names = [repr(part) for part in parts]
    if len(parts) < 2 or len(set(names)) < len(names):
        raise UsageError(f"`combine` takes at least two components, each of another kind, got [{', '.join(names)}].")
    devices = {part.sections().device for part in parts}
    if len(devices) > 1:
        raise UsageError(f"Components that are combined need the same `device`, got {', '.join(sorted(devices))}.")


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)
