"""How a config of 2.X is made of a part of a conf: what it refuses is an error of the conf, with its line."""

from collections.abc import Iterable
from typing import Any, TypeVar

from inc_hf.config.base import ConfigMixin
from inc_hf.errors import UsageError
from inc_hf.migrate.conf.errors import ConfError
from inc_hf.migrate.conf.sections import Conf

Config = TypeVar("Config", bound=ConfigMixin)


def built(conf: Conf, where: tuple[str, ...], kind: type[Config], settings: dict[str, Any]) -> Config:
    """`kind(**settings)`.

    Raises:
        ConfError: it refuses them; at the section `where`.
    """
    try:
        return kind(**settings)
    except ConfError:
        raise
    except UsageError as error:
        raise conf.error(f"has no counterpart in 2.X: {error}", *where) from error


def given(section: Any, names: Iterable[str]) -> dict[str, Any]:
    """The values of these fields, without those that are None."""
    values = {name: getattr(section, name) for name in names}
    return {name: value for name, value in values.items() if value is not None}


def first_given(*values: Any) -> Any:
    """The first that is not None."""
    return next((value for value in values if value is not None), None)
