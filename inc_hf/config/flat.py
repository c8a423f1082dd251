"""The flat keywords of INC's migration guide, which INC's own classes never took."""

import copy
import functools
import logging
from dataclasses import fields
from typing import Any, TypeVar

from inc_hf.config.base import ConfigMixin
from inc_hf.config.checks import check_bool
from inc_hf.errors import UsageError

logger = logging.getLogger(__name__)

Config = TypeVar("Config", bound=type[ConfigMixin])

CRITERIA = ("tuning_criterion", "accuracy_criterion")
# keyword -> the field that has it, as the attribute of the same name
FLAT = {
    **dict.fromkeys(("strategy", "strategy_kwargs", "objective", "timeout", "max_trials"), "tuning_criterion"),
    **dict.fromkeys(("relative", "absolute", "tolerable_loss", "higher_is_better"), "accuracy_criterion"),
}


def takes_flat_keywords(cls: Config) -> Config:
    """Let a config be made with what its `tuning_criterion` and `accuracy_criterion` have, too; one warning shows how
    it is written today. `performance_only=True` is the first trial, whatever it scores."""
    made_of_fields = cls.__init__

    @functools.wraps(made_of_fields)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        flat = {name: kwargs.pop(name) for name in list(kwargs) if name in FLAT or name == "performance_only"}
        made_of_fields(self, *args, **kwargs)
        if flat:
            _take(self, flat)

    cls.__init__ = __init__
    return cls


def _take(config: ConfigMixin, flat: dict[str, Any]) -> None:
    given = dict(flat)
    if check_bool("performance_only", given.pop("performance_only", False)):
        given["max_trials"] = 1
    _refuse_both(given)
    for field in CRITERIA:
        setattr(config, field, copy.copy(config[field]))  # it may be the user's, and serve other configs
    for name, value in given.items():
        _refuse_others(config[FLAT[name]], name, value)
        setattr(config[FLAT[name]], name, value)
    changed = [field for field in CRITERIA if field in [FLAT[name] for name in given]]
    words = [f"{field}={_in_words(config[field])}" for field in changed if config[field] != type(config[field])()]
    logger.warning(
        "%s %s of INC's migration guide; write `%s(%s)`%s.",
        ", ".join(f"`{name}`" for name in flat),
        "is a keyword" if len(flat) == 1 else "are keywords",
        _kind(config),
        ", ".join(words),
        "" if words else ", which means the same",
    )


def _refuse_both(given: dict[str, Any]) -> None:
    if "relative" in given and "absolute" in given:
        raise UsageError("`relative` and `absolute` are both given; a loss is one or the other.")


def _refuse_others(criterion: ConfigMixin, name: str, value: Any) -> None:
    """Raise ValueError where the nested config says another thing than the flat keyword."""
    default, said = type(criterion)(), getattr(criterion, name)
    if said not in (None, value) and said != getattr(default, name):
        raise UsageError(
            f"`{name}` is {value!r}, and {said!r} in the {_kind(criterion)}; give it once, in the {_kind(criterion)}."
        )


def _in_words(criterion: ConfigMixin) -> str:
    """As code, without what is the default."""
    default = type(criterion)()
    given = {f.name: criterion[f.name] for f in fields(criterion) if criterion[f.name] != default[f.name]}
    return f"{_kind(criterion)}({', '.join(f'{name}={value!r}' for name, value in given.items())})"


def _kind(config: ConfigMixin) -> str:
    return type(config).__name__
