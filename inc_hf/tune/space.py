"""What a search may vary."""

import copy
import logging
from typing import Protocol

from torch import nn

from inc_hf.models.inputs import made_up_batch
from inc_hf.quantize.probe import reached_modules
from inc_hf.quantize.workflow import calibration_error, evaluating, run
from inc_hf.tune.candidate import Candidate

logger = logging.getLogger(__name__)


class Space(Protocol):
    """The candidates for one model, and how to make and to change them."""

    def candidates(self) -> list[Candidate]:
        """The default first, then its variants.

        Raises:
            ValueError: the config leaves nothing to do.
        """

    def build(self, candidate: Candidate) -> nn.Module:
        """A converted copy of the float model, which stays as it is."""

    def rank(self, candidate: Candidate) -> list[list[str]]:
        """Names of the candidate's modules, the most harmful first; those that share a weight are one item, since
        they go back to float together. An empty list ends the search with the candidates."""


def copy_of(model: nn.Module) -> nn.Module:
    """A copy with the `forward` of its class, as one that is saved and loaded has it.

    What TRL puts in its place holds the original model, and would compute with that one's weights.
    """
    copied = copy.deepcopy(model)
    vars(copied).pop("forward", None)
    return copied


def reached_by(model: nn.Module, inputs: list) -> dict[str, int] | None:
    """Modules that a forward pass reaches, or None where no inputs are at hand and none can be made."""
    batch = inputs[0] if inputs else made_up_batch(model)
    if batch is None:
        logger.info("Taking all modules as used, since no inputs are at hand to see which ones are.")
        return None
    with evaluating(model), calibration_error():
        return reached_modules(model, lambda: run(model, batch))
