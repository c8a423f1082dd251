"""How far the outputs of candidates are from those of the float model, on the data that calibrates them."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from inc_hf.models.batches import take_samples
from inc_hf.quantize.workflow import evaluating, run
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.sensitivity import first_output
from inc_hf.undo import restored

logger = logging.getLogger(__name__)

SAMPLES = 100
NUMBERS = 1 << 26  # of outputs that are kept: a language model has many


class Converts(Protocol):
    """What is asked of a space."""

    def quantize(self, model: nn.Module, candidate: Candidate) -> nn.Module:
        """Convert `model`, in place."""


def output_errors(
    model: nn.Module, space: Converts, candidates: Sequence[Candidate], batches: Sequence[Any]
) -> list[float]:
    """Of each candidate, the mean difference of its outputs from the float model's, over the standard deviation of
    these. The model is converted in place, and is as it was afterwards."""
    batches = take_samples(batches, SAMPLES)
    with restored(model):
        expected = list(_outputs(model, batches))
    errors = []
    for candidate in candidates:
        with restored(model):
            found = _outputs(space.quantize(model, _cheap(candidate)), batches)
            differences = [(a - b).abs().flatten() for a, b in zip(found, expected, strict=False)]
        everything = torch.cat([output.flatten() for output in expected])
        errors.append(float(torch.cat(differences).mean() / everything.std().clamp(min=1e-30)))
    return errors


def _cheap(candidate: Candidate) -> Candidate:
    """The same, calibrated on no more samples than it is looked at with."""
    samples = candidate.calibration_samples
    return candidate if samples is None else replace(candidate, calibration_samples=min(samples, SAMPLES))


@torch.no_grad()
def _outputs(model: nn.Module, batches: Sequence[Any]) -> Iterator[Tensor]:
    """Those of tokens, not of padding, until there are enough."""
    count = 0
    with evaluating(model):
        for batch in batches:
            output = _of_tokens(first_output(run(model, batch)), batch)
            count += output.numel()
            if count > NUMBERS and count > output.numel():
                return
            yield output


def _of_tokens(output: Tensor, batch: Any) -> Tensor:
    masks = [batch.get(f"{part}attention_mask") for part in ("decoder_", "")] if isinstance(batch, Mapping) else []
    for mask in masks:
        if isinstance(mask, Tensor) and mask.ndim == 2 and output.ndim > 2 and mask.shape == output.shape[:2]:
            return output[mask != 0]
    return output
