"""Checks of what public functions get, before they do anything. Each returns nothing, and names the argument."""

import inspect
import os
import re
from pathlib import Path
from typing import Any

from inc_hf.config.checks import check_int, check_string, wrong_type
from inc_hf.errors import UsageError, UsageTypeError

# NAME or USER/NAME, as the Hub has them
HUB_NAME = re.compile(r"(?!.*(--|\.\.|\.git$))[A-Za-z0-9_]([\w.-]*\w)?(/[A-Za-z0-9_]([\w.-]*\w)?)?", re.ASCII)


def check_model(model: Any, name: str = "model", of_transformers: bool = False) -> None:
    """Refuse what is no model; a result that stands for one passes, since it has its modules."""
    from torch import nn

    if not isinstance(model, nn.Module) and not isinstance(_held(model), nn.Module):
        raise UsageTypeError(f"`{name}` must be a torch.nn.Module, got {type(model).__name__}; load it first.")
    if of_transformers and not hasattr(model, "config"):
        raise UsageTypeError(f"`{name}` must be a PreTrainedModel of transformers, got {type(model).__name__}.")


def check_takes(model: Any, inputs: tuple | dict[str, Any]) -> None:
    """Refuse inputs that are none of a model's arguments. Asked for after a TypeError, which may be a fault inside."""
    signature = inspect.signature(model.forward)
    by_name = isinstance(inputs, dict)
    try:
        signature.bind(**inputs) if by_name else signature.bind(*inputs)
    except TypeError as error:
        came = f"{', '.join(inputs) or 'nothing'} by name" if by_name else f"{len(inputs)} by position"
        raise UsageTypeError(
            f"{type(model).__name__} does not take this batch, {came}: {error}. It takes {signature}; rename the "
            "columns, or pass the model that the data is for."
        ) from error


def _held(result: Any) -> Any:
    return vars(result).get("model") if hasattr(result, "__dict__") else None


def check_function(name: str, value: Any, what: str = "a function of the model", needed: bool = False) -> None:
    """Refuse what cannot be called, and a model, which would be called with a model."""
    from torch import nn

    if value is None and not needed:
        return
    if not callable(value) or isinstance(value, nn.Module):
        raise wrong_type(name, what, value)


def check_data(name: str, value: Any) -> None:
    """Refuse what has no samples or batches; None is no data."""
    from torch import nn

    has_elements = hasattr(value, "__iter__") or hasattr(value, "__getitem__")
    if value is not None and (not has_elements or isinstance(value, nn.Module)):
        raise wrong_type(name, "a list, a dataset or a dataloader", value)


def check_conf(value: Any, kind: type, name: str = "conf") -> None:
    """Refuse a config that is none of this kind, or is wrong since it was changed; None is the default."""
    if value is not None and not isinstance(value, kind):
        raise UsageTypeError(f"`{name}` must be a {kind.__name__}, got {type(value).__name__}.")
    if value is not None:
        value.use()


def check_path(name: str, value: Any) -> None:
    """Refuse what is no path."""
    if not isinstance(value, str | os.PathLike):
        raise wrong_type(name, "a path", value)
    if not str(value):
        raise UsageError(f"`{name}` is empty; give a path.")


def check_place(name: str, value: Any) -> None:
    """Refuse what names no model: a directory that is there, or a name that the Hub may have."""
    check_path(name, value)
    place = os.fspath(value)
    if os.path.isfile(place):
        raise UsageError(f"{place} is a file; give the directory that it lies in.")
    if os.path.exists(place):
        return
    if isinstance(value, Path):
        raise FileNotFoundError(f"There is no directory {place!r}; a name on the Hub is a string.")
    if not HUB_NAME.fullmatch(place):
        raise FileNotFoundError(f"There is no directory {place!r}, and a name on the Hub is NAME or USER/NAME.")


def check_optional_int(name: str, value: Any, low: int | None = None) -> None:
    """Refuse what is neither None nor a whole number of at least `low`."""
    if value is not None:
        check_int(name, value, low=low)


def check_optional_string(name: str, value: Any) -> None:
    """Refuse what is neither None nor a string."""
    if value is not None:
        check_string(name, value)


def check_names(name: str, value: Any) -> None:
    """Refuse what is no list of names."""
    if isinstance(value, str) or not hasattr(value, "__iter__") or not all(isinstance(each, str) for each in value):
        raise wrong_type(name, "a list of names", value)
