"""Models of sentence-transformers, told by where their classes come from: it need not be installed.

Without torch at the top: what saves is imported quickly.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn

PACKAGE = "sentence_transformers."


def is_of(module: "nn.Module", package: str) -> bool:
    """Whether its class, or one that it is made of, comes from a package."""
    return any(cls.__module__.startswith(package) for cls in type(module).__mro__)


def is_sentence_model(model: "nn.Module") -> bool:
    """Whether it is a `SentenceTransformer`, a `CrossEncoder` or a sibling of theirs, which saves itself."""
    return is_of(model, PACKAGE) and hasattr(model, "save_pretrained")


def takes_features(model: "nn.Module") -> bool:
    """Whether it is called with one dict, as a chain of modules of sentence-transformers is."""
    from torch import nn

    return is_sentence_model(model) and isinstance(model, nn.Sequential)


def encoder_of(model: "nn.Module") -> "nn.Module":
    """The first model of transformers in one of sentence-transformers; any other model, and one without, itself."""
    from torch import nn

    inner = getattr(model, "transformers_model", None) if is_sentence_model(model) else None
    return inner if isinstance(inner, nn.Module) else model
