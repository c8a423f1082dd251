"""What a search may vary."""

import copy
import logging
from collections.abc import Iterable
from typing import Any, Protocol

from torch import nn

from inc_hf.coverage import Coverage
from inc_hf.matching.sentences import encoder_of
from inc_hf.models.inputs import made_up_batch
from inc_hf.models.modalities import lacking
from inc_hf.quantize.probe import reached_modules
from inc_hf.quantize.resolve import quantizable_names
from inc_hf.quantize.workflow import error_of_data, evaluating, run
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.sensitivity.mixture import Mixture
from inc_hf.undo import restored

logger = logging.getLogger(__name__)


class Space(Protocol):
    """The candidates for one model, and how to make and to change them."""

    model: nn.Module  # in float

    def candidates(self) -> list[Candidate]:
        """The default first, then its variants.

        Raises:
            ValueError: the config leaves nothing to do.
        """

    def build(self, candidate: Candidate) -> nn.Module:
        """A converted copy of the float model, which stays as it is."""

    def coverage(self, model: nn.Module, candidate: Candidate) -> Coverage:
        """How much of the float model is changed in `model`, which was built from the candidate."""

    def kinds(self, candidate: Candidate) -> dict[str, str]:
        """Type of each of the candidate's modules, such as "Linear", by name."""

    def groups(self, candidate: Candidate) -> list[list[str]]:
        """Names of the candidate's modules in their order, with those that share a weight as one item."""

    def rank(self, candidate: Candidate, by: str = "gradients", **settings: Any) -> list[list[str]]:
        """The candidate's `groups`, the most harmful first, by one of `RANKINGS` with these settings. An empty list
        ends the search with the candidates."""

    def mixture(self, candidate: Candidate, batches: int) -> Mixture:
        """The candidate, whose modules can be put back into float without an evaluation, on so many batches."""


def copy_of(model: nn.Module) -> nn.Module:
    """A copy with the `forward` of its class, as one that is saved and loaded has it.

    What TRL puts in its place holds the original model, and would compute with that one's weights.
    """
    copied = copy.deepcopy(model)
    vars(copied).pop("forward", None)
    return copied


def reached_by(model: nn.Module, batches: Iterable[Any]) -> dict[str, int | None] | None:
    """Modules that forward passes on these batches reach, on made-up inputs if there are none; the model stays as it
    was. None where no inputs can be made. Batches are run until nothing is left that could be reached.
    """
    sought = set(quantizable_names(model))
    with restored(model), evaluating(model):
        reached = _reached_by_data(model, batches, sought)
    return reached or _reached_within(model, sought)


def _reached_by_data(model: nn.Module, batches: Iterable[Any], sought: set[str]) -> dict[str, int]:
    reached: dict[str, int] = {}
    for batch in batches:
        with error_of_data(model, "calibration", batch):
            found = reached_modules(model, lambda b=batch: run(model, b))
        reached |= {name: ndim for name, ndim in found.items() if name not in reached}
        if sought.issubset(reached):
            break
    return reached


def _reached_within(model: nn.Module, sought: set[str]) -> dict[str, int | None] | None:
    """On made-up inputs: of the model of transformers in one of sentence-transformers, if all lies in that."""
    inner = encoder_of(model)
    prefix = next((f"{name}." for name, module in model.named_modules() if module is inner and name), "")
    if not all(name.startswith(prefix) for name in sought):  # there are several
        inner, prefix = model, ""
    reached = _reached_by_made_up(inner)
    return reached and {f"{prefix}{name}": ndim for name, ndim in reached.items()}


def _reached_by_made_up(model: nn.Module) -> dict[str, int | None] | None:
    """Of what one batch cannot show, those modules count as used that have a used twin, such as the experts that no
    token was sent to, and if the batch lacks a modality (images, sound), all of them."""
    batch = made_up_batch(model)
    if batch is None:
        logger.info("Taking all modules as used, since no inputs are at hand to see which ones are.")
        return None
    with restored(model), evaluating(model):
        reached = reached_modules(model, lambda: run(model, batch))
    twins = {_without_numbers(name): ndim for name, ndim in reached.items()}
    unseen = {name: twins.get(_without_numbers(name)) for name in quantizable_names(model) if name not in reached}
    missing = lacking(model, batch)
    if missing:
        logger.info("Taking all modules as used: no %s are at hand to see which ones are.", ", ".join(missing))
    else:
        unseen = {name: ndim for name, ndim in unseen.items() if ndim is not None}
    return _merged([name for name, _ in model.named_modules()], reached, unseen)


def _without_numbers(name: str) -> str:
    return ".".join("*" if part.isdigit() else part for part in name.split("."))


def _merged(order: list[str], reached: dict[str, int], unseen: dict[str, int | None]) -> dict[str, int | None]:
    """What was reached in its order, each of the others behind the module that is before it in the model."""
    names, before = list(reached), None
    for name in order:
        if name in unseen:
            names.insert(names.index(before) + 1 if before else 0, name)
        if name in reached or name in unseen:
            before = name
    return {name: {**unseen, **reached}[name] for name in names}
