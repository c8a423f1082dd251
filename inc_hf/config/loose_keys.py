"""Keys of pruning configs that are none, or that stand in another place, as INC takes them."""

import functools
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from inc_hf.config.checks import did_you_mean

logger = logging.getLogger(__name__)


def known_settings(where: str, settings: Mapping[str, Any], known: Iterable[str]) -> dict[str, Any]:
    """The settings without those that are not known, of which a warning says which one may have been meant."""
    known = tuple(known)
    for key in settings:
        if key not in known:
            logger.warning("`%s` has no setting %r, which changes nothing%s", where, key, did_you_mean(key, known))
    return {key: value for key, value in settings.items() if key in known}


def takes_local_settings(local: Iterable[str]) -> Callable[[type], type]:
    """Let a config with `pruning_configs` be made with settings that only their elements have, for all of them.

    A keyword that is no setting at all is warned of.
    """

    def decorate(cls: type) -> type:
        made_of_fields = cls.__init__

        @functools.wraps(made_of_fields)
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            fields = cls.__dataclass_fields__
            given = known_settings(cls.__name__, kwargs, [*fields, *local])
            shared = {key: given.pop(key) for key in list(given) if key not in fields}
            made_of_fields(self, *args, **given)
            if shared:
                self.pruning_configs = [{**shared, **element} for element in self.pruning_configs]

        cls.__init__ = __init__
        return cls

    return decorate
