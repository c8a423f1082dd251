"""Names that INC does not have. What implements them is registered in higher rooms, which a config does not import:
it looks there once it meets a name that it does not know."""

import importlib

from inc_hf.config.checks import check_choice

# kind -> module, and the function in it that gives its names
HOMES = {
    "observer": ("inc_hf.quantize.observer", "observer_names"),
    "pruning type": ("inc_hf.prune.criterion", "pruning_types"),
    "strategy": ("inc_hf.tune.strategies", "strategy_names"),
}


def registered_names(kind: str) -> list[str]:
    """The names of one of `HOMES`."""
    module, function = HOMES[kind]
    return getattr(importlib.import_module(module), function)()


def check_choice_or_registered(name: str, value: object, choices: tuple[str, ...], kind: str) -> str:
    """`value`, one of INC's `choices` or of the names that are registered for `kind`."""
    if isinstance(value, str) and value in choices:
        return value
    return check_choice(name, value, dict.fromkeys([*choices, *registered_names(kind)]))
