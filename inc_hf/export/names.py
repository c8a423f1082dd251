"""What the inputs and outputs of a file are called: as the model calls them, or, as in INC, as the user likes."""

from collections.abc import Sequence
from typing import Any

from inc_hf.errors import UsageError
from inc_hf.matching.patterns import nearest


def chosen(wanted: Sequence[str] | None, known: Sequence[str], what: str) -> tuple[list[str], dict[str, str]]:
    """Those of the `known` names that are meant, and how they are called in the file where that differs.

    Names that the model knows choose among its own; names of which it knows none are given to the first ones, in
    their order.

    Raises:
        ValueError: it knows some of the names and others not, or there are more names than it has.
    """
    known = list(known)
    if wanted is None:
        return known, {}
    unknown = [name for name in wanted if name not in known]
    if not unknown:
        return list(wanted), {}
    if len(unknown) < len(wanted) or len(wanted) > len(known) or len(set(wanted)) < len(wanted):
        raise UsageError(
            f"The model has no {what} {unknown}, only {', '.join(known)}{nearest(unknown[0], known) or '.'} Give "
            "names of those that the file is to have, or other names for the first ones of all."
        )
    return known, dict(zip(known, wanted, strict=False))


def rename(graph: Any, inputs: dict[str, str], outputs: dict[str, str]) -> bool:
    """Call values of an `onnx_ir.Model` so, in place; returns whether there were any."""
    for values, names in ((graph.graph.inputs, inputs), (graph.graph.outputs, outputs)):
        for value in values:
            value.name = names.get(value.name, value.name)
    return bool(inputs or outputs)
