"""What is said of a model that is converted without an evaluation: which approach agrees best with FP32, and whether a
recipe does more harm than good."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.tune.agreement import output_errors
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.quantization_space import QuantizationSpace

logger = logging.getLogger(__name__)

RECIPES = {
    "smooth_quant": "SmoothQuant",
    "fast_bias_correction": "bias correction",
    "weight_correction": "weight correction",
}


def agreeing_best(
    model: nn.Module, space: QuantizationSpace, candidates: Sequence[Candidate]
) -> tuple[Candidate, list[str]]:
    """The candidate to convert with, and what there is to say of it; `model` is as it was afterwards.

    Of the approach "auto" it is the one of static and dynamic that agrees best with the float model. Otherwise it is
    the first, which recipes may have made worse.
    """
    first, last = candidates[0], candidates[-1]
    if space.conf.approach == "auto" and last is not first and last.label == "dynamic":
        return _of_two(model, space, [first, last])
    plain = without_recipes(first)
    return first, [] if plain == first else _worse(model, space, first, plain)


def without_recipes(candidate: Candidate) -> Candidate:
    """The same scales as far as possible, but neither smoothing nor corrected biases and weights."""
    schemes = {
        name: replace(scheme, smooth_alpha=None, weight=replace(scheme.weight, corrected=False))
        for name, scheme in candidate.schemes.items()
    }
    return replace(candidate, schemes=schemes, correct_bias=False)


def _of_two(model: nn.Module, space: QuantizationSpace, candidates: list[Candidate]) -> tuple[Candidate, list[str]]:
    if (errors := _errors(model, space, candidates)) is None:
        return candidates[0], []
    best = candidates[errors.index(min(errors))]
    taken, other = ("static", "dynamic") if best is candidates[0] else ("dynamic", "static")
    note = (
        f"approach='auto' took {taken}, which agrees best with FP32 on the calibration data: "
        f"relative output error {min(errors):.4f}, {other} {max(errors):.4f}."
    )
    logger.info("%s", note)
    return best, [note]


def _worse(model: nn.Module, space: QuantizationSpace, asked: Candidate, plain: Candidate) -> list[str]:
    with_it, without = _errors(model, space, [asked, plain]) or (0.0, 0.0)
    if with_it <= without:
        return []
    names = " and ".join(words for recipe, words in RECIPES.items() if space.conf.recipe(recipe)) or "smoothing"
    note = (
        f"This model is worse with {names} than without: relative output error {with_it:.4f} instead of "
        f"{without:.4f} on the calibration data. {_advice(space.conf)}"
    )
    logger.warning("%s", note)
    return [note]


def _errors(model: nn.Module, space: QuantizationSpace, candidates: list[Candidate]) -> list[float] | None:
    """None where calibration does not call the model as a whole."""
    batches = space.calibration.inputs(model)
    return output_errors(model, space, candidates, batches) if batches else None


def _advice(conf: PostTrainingQuantConfig) -> str:
    is_number = conf.recipe("smooth_quant") and conf.recipe("smooth_quant_args").get("alpha", "auto") != "auto"
    return 'Leave it out, or let each layer choose: alpha "auto".' if is_number else "Leave it out."
