"""Features of inner layers: collected by forward hooks, by the name of the module."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.matching.patterns import named_modules_with_duplicates, nearest

Picker = str | int | Callable[[Any], Tensor]


class Hook:
    """A function as a hook of a module; in a copy or pickle of the module it does nothing.

    Without this, `copy.deepcopy(student)` during training would copy the teacher with it.
    """

    def __init__(self, function: Callable):
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    def __reduce__(self) -> tuple:
        return Hook, (_do_nothing,)


def _do_nothing(*args: Any) -> None:
    return None


class LayerOutputs:
    """
    Keeps what the named modules of a model return while `recording` is True.

    Gradient checkpointing calls layers again during the backward pass; `recording` is False by then. Of a module that
    is called several times, such as the shared layer of ALBERT, the last output stays.

    Args:
        model (`nn.Module`): gets one forward hook per name, until `remove`.
        names (iterable of `str`): modules by their dotted names; `""` is the model itself.
        role (`str`): what the model is called in errors: `"student"` or `"teacher"`.

    Raises:
        ValueError: a name is not that of a module.
    """

    def __init__(self, model: nn.Module, names: Iterable[str], role: str):
        modules = dict(named_modules_with_duplicates(model))
        names = list(dict.fromkeys(names))
        for name in names:
            if name not in modules:
                raise UsageError(
                    f"The {role} has no layer {name!r}{nearest(name, modules)}; its layers are the names in "
                    f"`dict(model.named_modules())`, such as {_some(modules)}."
                )
        self.recording = False
        self.values: dict[str, Any] = {}
        self._handles = [modules[name].register_forward_hook(Hook(self._keeper(name))) for name in names]

    def _keeper(self, name: str) -> Callable:
        def keep(module: nn.Module, args: tuple, output: Any) -> None:
            if self.recording:
                self.values[name] = output

        return keep

    def start(self) -> None:
        """Forget what was collected, and collect from now on."""
        self.values.clear()
        self.recording = True

    def stop(self) -> dict[str, Any]:
        """Name of the module -> its output, as it returned it. They are not kept here any longer."""
        self.recording = False
        values = dict(self.values)
        self.values.clear()
        return values

    def remove(self) -> None:
        self.stop()
        for handle in self._handles:
            handle.remove()


def pick(output: Any, picker: Picker | None, where: str) -> Tensor:
    """The feature in the output of a layer.

    Args:
        output: a tensor, tuple, list or mapping (such as a `ModelOutput`).
        picker (`str`, `int` or function, *optional*): key, index (`"0"` is the index 0, too), or a function of the
            output. None takes a tensor as it is, the first element of a tuple, or the key `"last_hidden_state"`.
        where (`str`): begin of the error message.

    Raises:
        ValueError: there is no such element, or it is not a tensor.
    """
    if isinstance(picker, str) and picker.isdigit() and not (isinstance(output, Mapping) and picker in output):
        picker = int(picker)
    if picker is None:
        picker = (
            "last_hidden_state" if isinstance(output, Mapping) else 0 if isinstance(output, tuple | list) else None
        )
    try:
        feature = output if picker is None else picker(output) if callable(picker) else output[picker]
    except (KeyError, IndexError) as error:
        raise UsageError(f"{where}: its output has no element {picker!r}, only {_describe(output)}.") from error
    if not isinstance(feature, Tensor):
        raise UsageError(
            f"{where}: the feature must be a tensor, got {type(feature).__name__} from {_describe(output)}; pick one "
            "by a key, an index or a function behind the name of the layer: `(layer, picker)`."
        )
    return feature


def padding_mask(feature: Tensor, mask: Tensor | None) -> Tensor | None:
    """`mask` as booleans where it fits features of shape `(batch, tokens, width)`, otherwise None.

    Only three dimensions fit: a pooled feature, or attention weights, could agree with the mask by accident.
    """
    if mask is None or feature.ndim != 3 or feature.shape[:2] != mask.shape:
        return None
    return mask.to(torch.bool)


def _describe(output: Any) -> str:
    if isinstance(output, Mapping):
        return f"a mapping with the keys {', '.join(map(str, output))}"
    if isinstance(output, tuple | list):
        return f"a {type(output).__name__} of {len(output)}"
    return f"a {type(output).__name__}"


def _some(modules: Mapping[str, nn.Module]) -> str:
    return ", ".join(repr(name) for name in list(modules)[1:4])
