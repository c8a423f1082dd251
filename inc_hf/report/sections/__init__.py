"""The sections of the page in their order. A new one is a file here, and its line in `SECTIONS`.

Each is a function of the [`Facts`] that returns what stands under its heading, or None if the facts say nothing of it.
"""

from collections.abc import Callable
from typing import NamedTuple

from inc_hf.report.facts import Facts
from inc_hf.report.html import Markup
from inc_hf.report.sections.left_in_float import left_in_float
from inc_hf.report.sections.ranges import activation_table, weight_table
from inc_hf.report.sections.sensitivity import sensitivity
from inc_hf.report.sections.sizes import sizes
from inc_hf.report.sections.sparsity import sparsity
from inc_hf.report.sections.training import training
from inc_hf.report.sections.trials import trials


class Section(NamedTuple):
    """A heading, what stands under it, and what to do if that is not known."""

    heading: str
    show: Callable[[Facts], Markup | None]
    absent: str


DIAGNOSIS = "quantization.fit writes it to the workspace with diagnosis=True"
SECTIONS = (
    Section("Trials", trials, "a search for an accuracy goal writes history.json to its workspace"),
    Section("Left in float", left_in_float, "inc_config.json of a checkpoint made with inc_hf says it"),
    Section("Sensitivity of each module", sensitivity, DIAGNOSIS),
    Section("Ranges of the weights", weight_table, DIAGNOSIS),
    Section("Ranges of the activations", activation_table, f"{DIAGNOSIS} and inputs, if activations become integers"),
    Section("Size of each part", sizes, "it is read from a checkpoint in safetensors"),
    Section("Zeros of each layer", sparsity, "they are read from a checkpoint in safetensors"),
    Section("Training", training, "a Trainer writes trainer_state.json to its checkpoints"),
)

__all__ = ["SECTIONS", "Section"]
