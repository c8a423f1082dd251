"""Second names of arguments, as INC has them."""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

from inc_hf.errors import UsageTypeError

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
