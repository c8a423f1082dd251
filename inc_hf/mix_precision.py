"""`fit`: weights in bfloat16 where that costs no accuracy (INC 2.X `neural_compressor.mix_precision`)."""

import copy
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from inc_hf import ops
from inc_hf.config import MixedPrecisionConfig, options
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.tasks import evaluate_metric
from inc_hf.models.inputs import recording_inputs
from inc_hf.quantization import reached_by
from inc_hf.quantize.bf16 import bf16_modules, candidates_of, use_bf16
from inc_hf.quantize.resolve import reached_or_tied, settings_by_name, settings_by_type, tied_names
from inc_hf.quantize.settings import merged_settings, wants_float
from inc_hf.quantize.workflow import evaluating
from inc_hf.results.mixed import MixedModel
from inc_hf.results.quantized import QuantizedModel
from inc_hf.tune import STRATEGIES, Candidate, Goal, History, rank_twins, tune
from inc_hf.tune.tuner import check_score

logger = logging.getLogger(__name__)
RANKING_BATCHES = 4


@dataclass(frozen=True)
class Half:
    """What a module is to become; a [`Candidate`] has one of these, or a `Scheme`, for each."""

    needs_calibration: ClassVar[bool] = False

    def to_dict(self) -> dict[str, str]:
        return {"dtype": "bfloat16"}


def fit(
    model: nn.Module | QuantizedModel,
    conf: MixedPrecisionConfig | None = None,
    eval_func: Callable[[nn.Module], float | dict[str, float]] | None = None,
    eval_dataloader: Iterable | None = None,
    eval_metric: Any = None,
    metric_name: str | None = None,
) -> MixedModel:
    """Store the weights of float layers in bfloat16, half the size; activations and sums stay in float32.

    Products are computed by our kernels, which widen the weights as they go, or, where that is faster, round the
    activations as well (`ops.multiplies_in_bf16`). T5 itself rounds what its `wo` reads, to the dtype of that weight.
    Layers that are quantized already stay so: INT8 and BF16 mix in one model.

    Without an evaluation the model itself is converted, in place. With one the model is left as it is; modules go back
    to float32 until `conf.accuracy_criterion` is met, type by type (`quant_level` 0), the most harmful first (1), or
    first the one and then the other ("auto"), and the best copy comes back.

    Args:
        model: a float32 model, or one that was partly quantized.
        conf ([`MixedPrecisionConfig`], *optional*): `op_type_dict` and `op_name_dict` keep modules in float32 by
            `{"weight": {"dtype": "fp32"}}`.
        eval_func, eval_dataloader, eval_metric, metric_name: as in [`inc_hf.quantization.fit`].

    Raises:
        TypeError, ValueError: see the message; nothing has been changed then.
    """
    conf = MixedPrecisionConfig() if conf is None else conf
    model = model.model if isinstance(model, QuantizedModel) else model
    _check(model, conf)
    if eval_func is None and (eval_dataloader is None) != (eval_metric is None):
        raise UsageError("`eval_dataloader` and `eval_metric` go together; pass both, or `eval_func`.")
    if eval_func is None and eval_dataloader is not None:
        eval_func = evaluate_metric(eval_dataloader, eval_metric)
    kinds = kinds_to_convert(model, conf)
    logger.info(what_it_means_here())
    if eval_func is None:
        return MixedModel(use_bf16(model, kinds).eval())
    return _tuned(model, conf, kinds, lambda candidate: check_score(eval_func(candidate), metric_name))


def _check(model: nn.Module, conf: Any) -> None:
    if not isinstance(model, nn.Module):
        raise UsageTypeError(f"`model` must be a torch.nn.Module, got {type(model).__name__}; load it first.")
    if not isinstance(conf, MixedPrecisionConfig):
        raise UsageTypeError(f"`conf` must be a MixedPrecisionConfig, got {type(conf).__name__}.")
    if conf.device != "cpu" or "bf16" not in set(conf.precisions) - set(conf.excluded_precisions):
        raise UsageError(
            f"Only bf16 on the CPU is converted, got precisions {conf.precisions} on {conf.device}; on a GPU load the "
            "model with `from_pretrained(..., dtype=torch.float16)`."
        )
    if conf.backend not in ("default", "torch"):
        raise UsageError(
            f"`backend` must be 'default' or 'torch', got {conf.backend!r}; other runtimes take BF16 from "
            "`inc-hf export --dtype bf16`."
        )
    if bf16_modules(model):
        raise UsageError("The model has weights in bfloat16 already; start from the float32 model.")
    if others := {p.dtype for p in model.parameters() if p.is_floating_point()} - {torch.float32}:
        raise UsageError(f"The model must be in float32, this one has {others.pop()}; load it in float32.")


def kinds_to_convert(model: nn.Module, conf: MixedPrecisionConfig) -> dict[str, str]:
    """Name -> type of the modules that a config brings to bfloat16; what shares a weight goes together.

    Raises:
        ValueError: there are none, or a pattern matches nothing.
    """
    kinds = candidates_of(model)
    reached = reached_by(model, [])
    if reached is not None:  # what is read without a call, as relative positions of DeBERTa are, stays in float32
        kinds = {name: kinds[name] for name in reached_or_tied(model, list(kinds), reached)}
    settings: dict[str, dict[str, dict]] = {name: {} for name in kinds}
    for name, stronger in [
        *settings_by_type(model, kinds, conf.op_type_dict),
        *settings_by_name(model, kinds, conf.op_name_dict),
    ]:
        settings[name] = merged_settings(settings[name], stronger)
    kept = {name for name in kinds if wants_float(settings[name]) and not _wants_bf16(settings[name])}
    kept |= {name for names in tied_names(model) if kept & set(names) for name in names}
    found = {name: kind for name, kind in kinds.items() if name not in kept}
    if not found:
        raise UsageError("The config leaves no module for bfloat16; see `op_type_dict` and `op_name_dict`.")
    return found


def _wants_bf16(settings: dict[str, dict]) -> bool:
    return settings.get("weight", {}).get("dtype", [""])[0] == "bf16"


def what_it_means_here() -> str:
    """What bfloat16 does on this CPU, in a sentence."""
    if not ops.is_native():
        return "Without our kernels, weights in BF16 become floats at each call: half the size, and slower than FP32."
    if ops.multiplies_in_bf16():
        return "Our kernels multiply in BF16 on this CPU: half the size, and faster than FP32."
    return (
        "Weights are stored in BF16, half the size, and our kernels multiply in FP32, as this CPU has no instructions "
        "for BF16 that are faster. For few tokens it is faster than FP32, and about as fast for many."
    )


def _tuned(model: nn.Module, conf: MixedPrecisionConfig, kinds: dict[str, str], score: Callable) -> MixedModel:
    history = History(Path(options.workspace) / "history.json")
    with recording_inputs(model, RANKING_BATCHES) as inputs:
        history.baseline = _evaluate(model, score)
    default = Candidate("bf16", dict.fromkeys(kinds, Half()))
    candidates = [default]
    if conf.quant_level in (0, "auto") and len(set(kinds.values())) > 1:
        for kind in sorted(set(kinds.values())):
            names = [name for name in kinds if kinds[name] == kind]
            candidates.append(default.without(names, f"bf16, {kind} in float32"))
    goal = Goal(history.baseline, conf.accuracy_criterion)

    def rank(best: Candidate) -> list[list[str]]:
        if conf.quant_level == 0:
            return []
        return _groups_by_damage(model, list(best.schemes), inputs)

    strategy = STRATEGIES["basic"](candidates, rank, conf.accuracy_criterion.higher_is_better)
    result = tune(
        strategy,
        lambda candidate: use_bf16(copy.deepcopy(model), candidate.schemes).eval(),
        lambda candidate: _evaluate(candidate, score),
        goal,
        conf.tuning_criterion,
        history,
    )
    if not result.met_criterion:
        logger.warning("The goal of %.4f was not met; returning the best, %.4f.", goal.target, result.trial.score)
    return MixedModel(result.model, result, goal)


def _evaluate(model: nn.Module, score: Callable[[nn.Module], float]) -> float:
    with torch.no_grad(), evaluating(model):
        return score(model)


def _groups_by_damage(model: nn.Module, names: list[str], inputs: list) -> list[list[str]]:
    """Names, the most harmful first; those that share a weight together."""
    if inputs:
        twins = bf16_modules(use_bf16(copy.deepcopy(model), names))
        names = [name for name, _ in rank_twins(model, twins, inputs)]
    tied = {name: group for group in tied_names(model) for name in group}
    groups = [tied.get(name, [name]) for name in names]
    return [group for i, group in enumerate(groups) if group not in groups[:i]]
