"""Which weights of a model become those of few bits, and why the others do not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from torch import nn

from inc_hf.coverage import DEEP, Coverage, Reason, Weight, coverage_of, is_deep_weight, weights_of
from inc_hf.quantize.kept_in_float import kept_in_float
from inc_hf.quantize.nn import QModule
from inc_hf.quantize.resolve import fused_parents, quantizable_names

UNCALIBRATED = Reason("not reached by the calibration data")
FOR_THE_GOAL = Reason("back in float for the accuracy goal")
FUSED = Reason("inside of torch's own transformer layers, which read the float weights themselves")
QUANTIZED = Reason("quantized before", asked=True)


@dataclass
class Inventory:
    """The weights of a model before it is converted, and why some of them cannot be; made by [`inventory_of`]."""

    weights: list[Weight]
    reasons: dict[str, Reason] = field(default_factory=dict)

    def coverage(
        self,
        verb: str,
        changed: Collection[str],
        left: Mapping[str, Reason],
        default: Collection[str],
        chosen: Collection[str],
    ) -> Coverage:
        """What became of them.

        Args:
            verb (`str`): what was done, such as "Quantized".
            changed: the modules that were converted.
            left: why the config, or the data, left modules in float.
            default, chosen: the modules that the config converts, and those of them that a search has kept.
        """
        not_converted = {name: UNCALIBRATED if name in chosen else FOR_THE_GOAL for name in default}
        return coverage_of(verb, self.weights, changed, {**self.reasons, **left, **not_converted})


def inventory_of(model: nn.Module, supported: Collection[str] | None = None) -> Inventory:
    """The weights of a model.

    Args:
        supported (*optional*): the modules that can be converted; by default all that can be quantized.
    """
    known = set(quantizable_names(model) if supported is None else supported)
    modules, fused = model.named_modules(remove_duplicate=False), fused_parents(model)
    reasons = {name: why_unsupported(name, module, fused) for name, module in modules if name not in known}
    reasons |= {name: Reason(text) for name, text in kept_in_float(model).items()}
    return Inventory(weights_of(model), reasons)


def why_unsupported(name: str, module: nn.Module, fused: Collection[str]) -> Reason:
    """Why no module of few bits can take the place of this one.

    Args:
        fused: names of torch's own transformer layers.
    """
    if isinstance(module, QModule):
        return QUANTIZED
    if is_deep_weight(module):
        return DEEP
    if any(name.startswith(f"{parent}.") or not parent for parent in fused):
        return FUSED
    return Reason(f"of a kind that is not converted ({type(module).__name__})")
