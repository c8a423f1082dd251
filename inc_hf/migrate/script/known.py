"""Which names there are in this package. It is imported to see that, and only it."""

import functools
import importlib
import inspect

from inc_hf.errors import UsageError

ELSEWHERE = {  # parts of INC that are not the 2.X API for PyTorch -> what to do
    "torch": "INC 3.X's API; here it is `inc_hf.quantization.fit`",
    "transformers": "INC 3.X's API; here it is `inc_hf.IncQuantizer`",
    "tensorflow": "for TensorFlow; only PyTorch models are compressed here",
    "jax": "for JAX; only PyTorch models are compressed here",
    "common": "of INC 3.X; there is no counterpart here",
}


@functools.cache
def exists(dotted: str) -> bool:
    """Whether `inc_hf.` and what follows is a module, or a name in one."""
    module, _, name = dotted.rpartition(".")
    return is_module(dotted) or bool(module) and is_module(module) and _has(module, name)


@functools.cache
def is_module(dotted: str) -> bool:
    try:
        importlib.import_module(dotted)
    except (ImportError, UsageError):
        return False
    return True


def _has(module: str, name: str) -> bool:
    try:
        return hasattr(importlib.import_module(module), name)
    except ImportError:  # there is such a name, and a package that it needs is not installed
        return True


def has_attribute(cls: str, name: str) -> bool:
    """Whether objects of a class at our top have an attribute, be it one that is called as an argument."""
    found = getattr(importlib.import_module("inc_hf"), cls)
    return hasattr(found, name) or name in inspect.signature(found).parameters or name == "quantized_model"


REFUSED = ("Not here: ", "Refused: ")  # how the docstring of a name begins that only says where to go


def why_refused(dotted: str) -> str | None:
    """What to do about a name that can be imported, and raises when it is used; None for all others."""
    module, _, name = dotted.rpartition(".")
    found = getattr(importlib.import_module(module), name, None) if is_module(module) and _has(module, name) else None
    said = (getattr(found, "__doc__", None) or "").partition("\n")[0] if isinstance(found, type) else ""
    prefix = next((each for each in REFUSED if said.startswith(each)), None)
    return f"`{name}` raises when it is used: {said.removeprefix(prefix)}" if prefix else None


def why_missing(inner: str) -> str:
    """What to do about a name of INC that is not here; `inner` is what follows the package's name."""
    room = inner.partition(".")[0]
    if room in ELSEWHERE:
        return f"`neural_compressor.{room}` is {ELSEWHERE[room]}."
    words = inner.lower()
    if any(word in words for word in ("tensorflow", "keras", "mxnet", "tf_utils", "itex")):
        return f"`{inner}` is for another framework; only PyTorch models are compressed here."
    return f"inc_hf has no `{inner}`; see docs/migration.md, or do without it."
