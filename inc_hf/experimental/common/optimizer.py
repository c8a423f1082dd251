"""The optimizers that YAML of INC 1.X names."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from inc_hf.config.checks import check_choice, check_keys
from inc_hf.config.elsewhere import TENSORFLOW, check_framework, elsewhere

OPTIMIZERS = {"SGD": torch.optim.SGD, "Adam": torch.optim.Adam, "AdamW": torch.optim.AdamW}
COMMON = {"learning_rate": "lr", "weight_decay": "weight_decay"}
ADAM = {**COMMON, "beta_1": "beta_1", "beta_2": "beta_2", "epsilon": "eps", "amsgrad": "amsgrad"}
# INC's names of settings -> torch's
SETTINGS = {"SGD": {**COMMON, "momentum": "momentum", "nesterov": "nesterov"}, "Adam": ADAM, "AdamW": ADAM}


def optimizer_settings(name: str, settings: dict[str, Any]) -> dict[str, Any]:
    """The arguments of torch's optimizer.

    Raises:
        ValueError: an unknown optimizer, or a setting that it does not have.
    """
    names = SETTINGS[check_choice("optimizer", name, OPTIMIZERS)]
    check_keys(f"optimizer[{name!r}]", settings, names)
    found = {names[key]: value for key, value in settings.items() if value is not None}
    betas = found.pop("beta_1", None), found.pop("beta_2", None)
    if betas != (None, None):
        found["betas"] = (0.9 if betas[0] is None else betas[0], 0.999 if betas[1] is None else betas[1])
    return found


def _maker_of(name: str, settings: dict[str, Any]) -> Callable[[], tuple[type, dict[str, Any]]]:
    return lambda: (OPTIMIZERS[name], optimizer_settings(name, settings))


# What makes an optimizer, by its name in YAML; scripts may add others.
MAKERS: dict[str, Callable[[dict[str, Any]], Callable]] = {name: partial(_maker_of, name) for name in OPTIMIZERS}


class Optimizers:
    """`Optimizers("pytorch")["SGD"]({"learning_rate": 0.1})()` gives torch's class and its arguments."""

    def __init__(self, framework: str):
        check_framework(framework)

    def __getitem__(self, name: str) -> Callable[[dict[str, Any]], Callable]:
        return MAKERS[check_choice("optimizer", name, MAKERS)]

    def register(self, name: str, optimizer: Callable[[dict[str, Any]], Callable]) -> None:
        """Give an optimizer of your own a name for YAML."""
        MAKERS[name] = optimizer


class PyTorchOptimizers(Optimizers):
    """Those of torch, which all are here."""

    def __init__(self):
        super().__init__("pytorch")


def optimizer_registry(optimizer_type: str, framework: str) -> Callable[[type], type]:
    """A class decorator that registers an optimizer under its name in YAML."""

    def register(cls: type) -> type:
        Optimizers("pytorch").register(optimizer_type, cls)
        return cls

    return register


PyTorchSGD = MAKERS["SGD"]
TensorflowOptimizers = elsewhere("TensorflowOptimizers", TENSORFLOW)
TensorFlowAdam = elsewhere("TensorFlowAdam", TENSORFLOW)
TensorFlowAdamW = elsewhere("TensorFlowAdamW", TENSORFLOW)
TensorFlowSGD = elsewhere("TensorFlowSGD", TENSORFLOW)
