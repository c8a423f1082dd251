"""`explain`: what runs each part of a model, and why nothing faster does."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from inc_hf.config.arguments import check_model
from inc_hf.inference.encoder import embedding
from inc_hf.inference.encoder.families import family_of
from inc_hf.inference.encoder.replace import ONE_BY_ONE, ONE_CALL, how_it_runs
from inc_hf.inference.layers import is_layer
from inc_hf.inference.reasons import holds_weights, runs_on, why_not_faster
from inc_hf.quantize.nn import quantized_modules

HEADINGS = ("part", "kind", "runs on", "why not more")
NOT_KNOWN = "no part of it is an encoder that is known here"


class Part(NamedTuple):
    """An encoder, or a module that holds weights: its name, its class, what runs it, and why nothing faster does; ""
    where there is nothing faster."""

    name: str
    kind: str
    runs_on: str
    why_not_more: str


@dataclass(frozen=True)
class Explanation:
    """What [`explain`] found; as text, a table in which numbers of layers are stars.

    Args:
        encoders (`list[Part]`): of the families that this package knows; the model itself, if there are none.
        modules (`list[Part]`): all that hold weights.
    """

    encoders: list[Part]
    modules: list[Part]

    def to_dict(self) -> dict[str, list[dict[str, str]]]:
        return {key: [part._asdict() for part in parts] for key, parts in vars(self).items()}

    def rows(self) -> list[Part]:
        """Encoders, then modules; those that differ by numbers in their names only are one row."""
        found: dict[Part, int] = {}
        for part in self.modules:
            row = part._replace(name=re.sub(r"\b\d+\b", "*", part.name))
            found[row] = found.get(row, 0) + 1
        merged = [row._replace(kind=f"{n} x {row.kind}" if n > 1 else row.kind) for row, n in found.items()]
        return [*self.encoders, *merged]

    def __str__(self) -> str:
        rows = [HEADINGS, *self.rows()]
        widths = [max(len(row[i]) for row in rows) for i in range(len(HEADINGS))]
        return "\n".join("  ".join(x.ljust(w) for x, w in zip(row, widths, strict=True)).rstrip() for row in rows)

    __repr__ = __str__


def explain(model: nn.Module) -> Explanation:
    """Say what runs each encoder and each module of a model that holds weights, and why nothing faster does.

    Nothing is changed. It says what will be so at the next forward pass; of most use after [`inc_hf.optimize`].

    Args:
        model (`torch.nn.Module`): such as a `PreTrainedModel` or a `SentenceTransformer`, optimized or not.

    Returns:
        [`Explanation`]: print it, or read its lists.

    Raises:
        TypeError: it is no model.
    """
    check_model(model)
    encoders: list[Part] = []
    computed: dict[nn.Module, str] = {}  # by a native call for several modules
    for name, module in model.named_modules():
        if family_of(module) is None:
            continue
        name, how = name or "the model", how_it_runs(module)
        encoders.append(Part(name, type(module).__name__, *how))
        if how.runs == ONE_CALL:
            computed |= dict.fromkeys(module.forward.prepared().computed, f"the call of {name}")
            if embedding.native_tables(embeddings := getattr(module, "embeddings", None)):
                computed |= dict.fromkeys(embedding.modules_of(embeddings), "the call of the embeddings")
    if not encoders:
        encoders.append(Part("the model", type(model).__name__, ONE_BY_ONE, NOT_KNOWN))
    return Explanation(encoders, modules_of(model, computed))


def modules_of(model: nn.Module, computed: dict[nn.Module, str]) -> list[Part]:
    left = "kept in float" if quantized_modules(model) else "not quantized"
    parts = []
    for name, module in model.named_modules():
        if not holds_weights(module):
            continue
        kind, kernel = type(module).__name__, runs_on(module)
        if module in computed:
            parts.append(Part(name, kind, f"{computed[module]}{f', {kernel}' if is_layer(module) else ''}", ""))
        else:
            parent = model.get_submodule(name.rpartition(".")[0])
            parts.append(Part(name, kind, kernel, why_not_faster(module, parent, left)))
    return parts
