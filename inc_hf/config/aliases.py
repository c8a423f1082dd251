"""Second names of arguments, and arguments that change nothing, as INC has them."""

import functools
import logging
from collections.abc import Callable
from typing import Any, TypeVar

from inc_hf.errors import UsageTypeError

logger = logging.getLogger(__name__)

Called = TypeVar("Called", bound=Callable)


def also_called(**aliases: str) -> Callable[[Called], Called]:
    """Let a function, or the making of a class, take arguments under second names: `also_called(config="conf")`.

    Raises (when it is called):
        TypeError: an argument came under both names.
    """

    def named(function: Callable) -> Callable:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            for alias, name in aliases.items():
                if alias in kwargs and name in kwargs:
                    raise UsageTypeError(f"`{alias}` is another name of `{name}`; pass one of them.")
            return function(*args, **{aliases.get(name, name): value for name, value in kwargs.items()})

        return call

    def decorate(called: Called) -> Called:
        if isinstance(called, type):
            called.__init__ = named(called.__init__)
            return called
        return named(called)

    return decorate


def also_takes(**reasons: str) -> Callable[[type], type]:
    """Let a class be made with keywords that change nothing: `also_takes(recipe="why")`. A warning says so."""

    def decorate(cls: type) -> type:
        make = cls.__init__

        @functools.wraps(make)
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            given = {name: kwargs.pop(name) for name in reasons if name in kwargs}
            make(self, *args, **kwargs)
            for name, value in given.items():
                if value is not None:
                    logger.warning("`%s` of a %s changes nothing: %s.", name, cls.__name__, reasons[name])

        cls.__init__ = __init__
        return cls

    return decorate
