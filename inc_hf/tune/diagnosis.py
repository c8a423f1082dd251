"""Where a quantized model differs from the float one, module by module (INC's `diagnosis=True`)."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from inc_hf.atomic import write_text
from inc_hf.quantize.nn import quantized_modules
from inc_hf.tune.sensitivity import rank_by_damage
from inc_hf.tune.sensitivity.weights import weight_error

COLUMNS = ("module", "scheme", "weight_error", "output_error")


@torch.no_grad()
def diagnose(model: nn.Module, quantized: nn.Module, batches: Iterable[Any]) -> list[dict[str, Any]]:
    """A row for each quantized module, the most harmful first.

    `weight_error` is the mean squared error of its weight divided by the weight's mean square; `output_error` is that
    of the model's output with only this module quantized, see `rank_by_damage`, or None without batches.
    """
    twins = quantized_modules(quantized)
    batches = list(batches)
    ranking = rank_by_damage(model, quantized, batches) if batches else [(name, None) for name in twins]
    return [
        {
            "module": name,
            "scheme": twins[name].describe_scheme(),
            "weight_error": weight_error(model.get_submodule(name), twins[name], relative=True),
            "output_error": output_error,
        }
        for name, output_error in ranking
    ]


def write_diagnosis(rows: list[dict[str, Any]], path: Path) -> None:
    """Write the rows as CSV."""
    write_table(rows, COLUMNS, path)


def write_table(rows: list[dict[str, Any]], columns: Sequence[str], path: Path) -> None:
    """Write rows as CSV, in a directory that need not be there yet."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text.getvalue())
