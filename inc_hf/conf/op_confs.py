"""How modules of a type are quantized, as objects of INC 1.14."""

from dataclasses import dataclass, field
from typing import Any

from inc_hf.config.checks import check_choices
from inc_hf.config.op_dicts import ACTIVATION_CHOICES, WEIGHT_CHOICES

FIELDS = {"datatype": "dtype", "scheme": "scheme", "granularity": "granularity", "algorithm": "algorithm"}


@dataclass
class WeightConf:
    """Of weights; each field is a value or a list of them, and None says nothing."""

    datatype: list[str] | str | None = None
    scheme: list[str] | str | None = None
    granularity: list[str] | str | None = None
    algorithm: list[str] | str | None = None

    def __post_init__(self):
        self._check(WEIGHT_CHOICES)

    def _check(self, choices: dict[str, Any]) -> None:
        for name, key in FIELDS.items():
            if getattr(self, name) is not None:
                setattr(self, name, check_choices(name, getattr(self, name), choices[key]))

    def to_dict(self) -> dict[str, list[str]]:
        """As a part of `op_type_dict`."""
        return {key: getattr(self, name) for name, key in FIELDS.items() if getattr(self, name) is not None}


@dataclass
class ActivationConf(WeightConf):
    """Of activations."""

    def __post_init__(self):
        self._check(ACTIVATION_CHOICES)


@dataclass
class OpQuantConf:
    """Of modules of a type: `PostTrainingQuantConfig(op_type_dict=conf.to_dict())`."""

    op_type: str | None = None
    weight: WeightConf = field(default_factory=WeightConf)
    activation: ActivationConf = field(default_factory=ActivationConf)

    def to_dict(self) -> dict[str, dict[str, dict[str, list[str]]]]:
        """As an `op_type_dict`."""
        return {self.op_type or ".*": {"weight": self.weight.to_dict(), "activation": self.activation.to_dict()}}
