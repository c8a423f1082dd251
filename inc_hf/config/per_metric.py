"""Settings of a goal that may be one for all metrics, or one for each of them."""

from collections.abc import Callable, Mapping
from typing import Any

from inc_hf.config.checks import check_string, parse_json
from inc_hf.errors import UsageError


def check_per_metric(name: str, value: Any, check: Callable[..., Any], **bounds: Any) -> Any:
    """`value` in its plain form: one value, a list of them, or a dict by the metrics' names; JSON text becomes either.

    Args:
        check: of one value, see [`inc_hf.config.checks`].
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        value = parse_json(name, value, dict if value.lstrip()[0] == "{" else list)
    if isinstance(value, Mapping):
        _check_some(name, value)
        return {
            check_string(f"{name}'s key", key): check(f"{name}[{key!r}]", one, **bounds) for key, one in value.items()
        }
    if isinstance(value, list | tuple):
        _check_some(name, value)
        return [check(f"{name}[{i}]", one, **bounds) for i, one in enumerate(value)]
    return check(name, value, **bounds)


def _check_some(name: str, value: Any) -> None:
    if not value:
        raise UsageError(f"`{name}` is empty; give one value for each metric, or one for all.")


def is_per_metric(value: Any) -> bool:
    """Whether there is one value for each metric."""
    return isinstance(value, Mapping | list)
