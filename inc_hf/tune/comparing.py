"""What is said of a model that is converted without an evaluation: which approach agrees best with FP32, and whether a
recipe does more harm than good."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.tune.agreement import output_errors
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.quantization_space import QuantizationSpace

logger = logging.getLogger(__name__)

RECIPES = {"smooth_quant": "SmoothQuant", "fast_bias_correction": "bias correction"}


def agreeing_best(
    model: nn.Module, space: QuantizationSpace, candidates: Sequence[Candidate], batches: Sequence[Any]
) -> tuple[Candidate, list[str]]:
    """The candidate to convert with, and what there is to say of it; `model` is as it was afterwards.

    Of the approach "auto" it is the one of static and dynamic that agrees best with the float model. Otherwise it is
    the first, which recipes may have made worse.
    """
    first, last = candidates[0], candidates[-1]
    if not batches:
        return first, []
    if space.conf.approach == "auto" and last.label == "dynamic":
        return _of_two(model, space, [first, last], batches)
    plain = without_recipes(first)
    if plain == first:
        return first, []
    return first, _worse(model, space, first, plain, batches)


def without_recipes(candidate: Candidate) -> Candidate:
    """The same scales as far as possible, but neither smoothing nor corrected biases."""
    schemes = {name: replace(scheme, smooth_alpha=None) for name, scheme in candidate.schemes.items()}
    return replace(candidate, schemes=schemes, correct_bias=False)


def _of_two(
    model: nn.Module, space: QuantizationSpace, candidates: list[Candidate], batches: Sequence[Any]
) -> tuple[Candidate, list[str]]:
    errors = output_errors(model, space, candidates, batches)
    best = candidates[errors.index(min(errors))]
    taken, other = ("static", "dynamic") if best is candidates[0] else ("dynamic", "static")
    note = (
        f"approach='auto' took {taken}, which agrees best with FP32 on the calibration data: "
        f"relative output error {min(errors):.4f}, {other} {max(errors):.4f}."
    )
    logger.info("%s", note)
    return best, [note]


def _worse(
    model: nn.Module, space: QuantizationSpace, asked: Candidate, plain: Candidate, batches: Sequence[Any]
) -> list[str]:
    with_it, without = output_errors(model, space, [asked, plain], batches)
    if with_it <= without:
        return []
    names = " and ".join(words for recipe, words in RECIPES.items() if space.conf.recipe(recipe)) or "smoothing"
    note = (
        f"This model is worse with {names} than without: relative output error {with_it:.4f} instead of "
        f"{without:.4f} on the calibration data. {_advice(space.conf)}"
    )
    logger.warning("%s", note)
    return [note]


def _advice(conf: PostTrainingQuantConfig) -> str:
    is_number = conf.recipe("smooth_quant") and conf.recipe("smooth_quant_args").get("alpha", "auto") != "auto"
    return 'Leave it out, or let each layer choose: alpha "auto".' if is_number else "Leave it out."
