"""`fit`: post-training quantization, tuned to an accuracy goal (INC 2.X `neural_compressor.quantization`)."""

import copy
import logging
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel

from inc_hf.checkpoint import attach_quantizer
from inc_hf.config import PostTrainingQuantConfig, options
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.tasks import evaluate_metric
from inc_hf.models.batches import batch_length, batches_of, take_samples
from inc_hf.models.inputs import dummy_batch, recording_inputs
from inc_hf.quantize import calibrate, convert, prepare, resolve_schemes
from inc_hf.quantize.probe import reached_modules
from inc_hf.quantize.resolve import smoothing_alphas, tied_names
from inc_hf.quantize.support import check_supported
from inc_hf.quantize.workflow import check_is_float, evaluating, run, unprepare
from inc_hf.results.quantized import QuantizedModel
from inc_hf.tune import STRATEGIES, Candidate, Goal, History, diagnose, rank_by_damage, tune, write_diagnosis
from inc_hf.tune.tuner import check_score

logger = logging.getLogger(__name__)

# Tried after the default where static activations miss the goal, unless the user names observers.
OBSERVER_VARIANTS = ("mse", "percentile")
RANKING_BATCHES = 4
# What a model raises on inputs that it was not made for.
DUMMY_ERRORS = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError)


def fit(
    model: nn.Module,
    conf: PostTrainingQuantConfig,
    calib_dataloader: Iterable | None = None,
    calib_func: Callable[[nn.Module], Any] | None = None,
    eval_func: Callable[[nn.Module], float | dict[str, float]] | None = None,
    eval_dataloader: Iterable | None = None,
    eval_metric: Any = None,
    metric_name: str | None = None,
) -> QuantizedModel:
    """Quantize `model`; with an evaluation, search for a configuration that meets `conf.accuracy_criterion`.

    Without an evaluation the model itself is converted, in place. With one the float model is left as it is and the
    best quantized copy comes back, whether or not it meets the goal: see `met_criterion`. Each trial is written to
    `history.json` in the workspace (`set_workspace`), from which `set_resume_from` goes on.

    Args:
        model: a float model.
        conf: what to quantize and how much accuracy that may cost.
        calib_dataloader: batches for static activations: dicts, `(inputs, label)`, or tensors; its `batch_size`
            stays what it is.
        calib_func: called with the prepared model instead, runs it on calibration data.
        eval_func: model -> score, or a dict of scores of which `metric_name` counts.
        eval_dataloader, eval_metric: instead of `eval_func`; batches `(inputs, label)` and a metric: `"accuracy"`,
            `"f1"`, `"mse"`, `{"topk": 5}`, or an object with `update(preds, labels)`, `reset()` and `result()`.

    Raises:
        ValueError, TypeError: see the message; nothing has been changed or written then.
    """
    _check_request(model, conf, calib_dataloader, calib_func)
    if eval_func is None and (eval_dataloader is None) != (eval_metric is None):
        raise UsageError("`eval_dataloader` and `eval_metric` go together; pass both, or `eval_func`.")
    if eval_func is None and eval_dataloader is not None:
        eval_func = evaluate_metric(eval_dataloader, eval_metric)
    _seed_everything(options.random_seed)
    largest = max(conf.calibration_sampling_size)
    batches = [] if calib_dataloader is None else take_samples(batches_of(calib_dataloader, model), largest)
    if calib_dataloader is not None and not batches:
        raise UsageError("The calibration data is empty; static quantization needs at least one sample.")
    job = _Job(model, conf, batches, calib_func, eval_func, metric_name)
    return job.tuned() if eval_func is not None else job.converted()


class _Job:
    """One call of `fit`: the model, its data, and the candidates made from its config."""

    def __init__(self, model, conf, batches, calib_func, eval_func, metric_name):
        self.model: nn.Module = model
        self.conf: PostTrainingQuantConfig = conf
        self.batches: list = batches
        self.calib_func: Callable | None = calib_func
        self.eval_func: Callable | None = eval_func
        self.metric_name: str | None = metric_name
        self.reached: dict[str, int] | None = None

    def converted(self) -> QuantizedModel:
        """The model itself, converted with the default candidate."""
        candidate = self.candidates(self.batches)[0]
        original = _copy_of(self.model) if self.conf.diagnosis else None
        self._quantize(self.model, candidate)
        if original is not None:
            self._diagnose(original, self.model, self.batches[:RANKING_BATCHES])
        return QuantizedModel(self._attached(self.model), self.conf, candidate)

    def tuned(self) -> QuantizedModel:
        """The best quantized copy that the strategy finds."""
        history = History(Path(options.workspace) / "history.json")
        if options.resume_from:
            history.resume_from(options.resume_from)
        with recording_inputs(self.model, RANKING_BATCHES) as recorded:
            baseline = self.evaluate(self.model)
        if options.resume_from and not math.isclose(history.baseline, baseline, rel_tol=1e-4):
            logger.warning(
                "The float model scores %.4f, but %.4f in %s, whose trials are not repeated; are model and evaluation "
                "the same?", baseline, history.baseline, options.resume_from,
            )  # fmt: skip
        history.baseline = baseline
        inputs = self.batches[:RANKING_BATCHES] or recorded
        candidates = self.candidates(inputs)
        goal = Goal(baseline, self.conf.accuracy_criterion)
        strategy = STRATEGIES[self.conf.tuning_criterion.strategy](
            candidates, lambda best: self.rank(best, inputs), self.conf.accuracy_criterion.higher_is_better
        )
        criterion = self.conf.tuning_criterion
        if self.conf.diagnosis:
            criterion = replace(criterion, max_trials=1)
        result = tune(strategy, self.build, self.evaluate, goal, criterion, history)
        if self.conf.diagnosis:
            self._diagnose(self.model, result.model, inputs)
        if not result.met_criterion:
            logger.warning(
                "The goal of %.4f was not met in %d trials; returning the best model found, %.4f (%s).",
                goal.target, len(history.trials), result.trial.score, result.trial.label,
            )  # fmt: skip
        return QuantizedModel(self._attached(result.model), self.conf, result.candidate, result, goal)

    def candidates(self, inputs: list) -> list[Candidate]:
        """The default first, then its variants."""
        conf, has_data = self.conf, bool(self.batches or self.calib_func)
        self.reached = reached_by(self.model, inputs)
        schemes = resolve_schemes(self.model, conf, self.reached, has_data)
        if not schemes:
            raise UsageError("The config leaves no module to quantize; see `op_type_dict`, `op_name_dict`, `recipes`.")
        default = Candidate(conf.approach if conf.approach != "auto" else "default", schemes)
        if not default.needs_calibration:
            return [default]
        sizes = self._sampling_sizes()
        found = [Candidate(f"{default.label}, {size} samples", schemes, size) for size in sizes]
        for observer in _observer_variants(conf):
            # the range of a smoothed input comes from its extremes, without an observer
            observed = [n for n, s in schemes.items() if s.is_static and s.smooth_alpha is None]
            varied = {n: s.with_observer(observer) if n in observed else s for n, s in schemes.items()}
            found.append(Candidate(f"{default.label}, observer {observer}", varied, sizes[0]))
        for alpha in smoothing_alphas(conf)[1:]:
            smoothed = [n for n, s in schemes.items() if s.smooth_alpha is not None]
            varied = {n: replace(s, smooth_alpha=alpha) if n in smoothed else s for n, s in schemes.items()}
            found.append(Candidate(f"{default.label}, smoothing {alpha}", varied, sizes[0]))
        if conf.approach == "auto":
            dynamic = resolve_schemes(self.model, conf, self.reached, has_calibration_data=False)
            found.append(Candidate("dynamic", dynamic))
        unique: dict[str, Candidate] = {}
        for candidate in found:
            unique.setdefault(candidate.fingerprint, candidate)
        return list(unique.values())

    def _diagnose(self, model: nn.Module, quantized: nn.Module, inputs: list) -> None:
        """Write `diagnosis.csv` to the workspace."""
        path = Path(options.workspace) / "diagnosis.csv"
        write_diagnosis(diagnose(model, quantized, inputs), path)
        logger.info("Diagnosis, module by module: %s", path)

    def _sampling_sizes(self) -> list[int | None]:
        """The numbers of samples to calibrate with, none larger than what is there."""
        if self.calib_func is not None or not self.batches:
            return [None]
        wanted, available = self.conf.calibration_sampling_size, sum(batch_length(batch) for batch in self.batches)
        if max(wanted) > available:
            logger.warning("%d calibration samples were asked for, %d are there.", max(wanted), available)
        return list(dict.fromkeys(min(size, available) for size in wanted))

    def build(self, candidate: Candidate) -> nn.Module:
        """A quantized copy of the float model."""
        return self._quantize(_copy_of(self.model), candidate)

    def evaluate(self, model: nn.Module) -> float:
        """Score of a model, checked; what `eval_func` raises is raised."""
        with torch.no_grad(), evaluating(model):
            return check_score(self.eval_func(model), self.metric_name)

    def rank(self, candidate: Candidate, inputs: list) -> list[list[str]]:
        """Names of the quantized modules, most harmful first; without inputs, from the last to the first.

        Modules that share a weight come together, since they fall back together.
        """
        names = list(candidate.schemes)[::-1]
        if inputs:
            names = [name for name, _ in rank_by_damage(self.model, self.build(candidate), inputs)]
        tied = {name: group for group in tied_names(self.model) for name in group}
        groups = [[n for n in tied.get(name, [name]) if n in candidate.schemes] for name in names]
        return [group for i, group in enumerate(groups) if group not in groups[:i]]

    def _quantize(self, model: nn.Module, candidate: Candidate) -> nn.Module:
        prepare(model, candidate.schemes, self.reached)
        try:
            if candidate.needs_calibration and self.calib_func is not None:
                with torch.no_grad(), evaluating(model):
                    self.calib_func(model)
            elif candidate.needs_calibration:
                calibrate(model, take_samples(self.batches, candidate.calibration_samples))
            return convert(model)
        except BaseException:
            unprepare(model)
            raise

    def _attached(self, model: nn.Module) -> nn.Module:
        """The model, in evaluation mode; one of transformers ready for `save_pretrained`."""
        model.eval()
        return attach_quantizer(model) if isinstance(model, PreTrainedModel) else model


def reached_by(model: nn.Module, inputs: list) -> dict[str, int] | None:
    """Modules that a forward pass reaches, or None where no inputs are at hand and none can be made."""
    if inputs:
        with evaluating(model):
            return reached_modules(model, lambda: run(model, inputs[0]))
    if not isinstance(model, PreTrainedModel):
        return None
    try:
        with evaluating(model):
            return reached_modules(model, lambda: run(model, dummy_batch(model)))
    except DUMMY_ERRORS as error:
        logger.info("Taking all modules as used, since made-up inputs do not fit this model: %s", error)
        return None


def _observer_variants(conf: PostTrainingQuantConfig) -> list[str]:
    """Observers to try after the default: those that the user lists behind the first, otherwise ours."""
    sections = [*conf.op_type_dict.values(), *conf.op_name_dict.values()]
    listed = [settings.get("activation", {}).get("algorithm", []) for settings in sections]
    if not any(listed):
        return list(OBSERVER_VARIANTS)
    return list(dict.fromkeys(observer for observers in listed for observer in observers[1:]))


def _check_request(model: nn.Module, conf: Any, calib_dataloader: Any, calib_func: Any) -> None:
    if not isinstance(conf, PostTrainingQuantConfig):
        raise UsageTypeError(f"`conf` must be a PostTrainingQuantConfig, got {type(conf).__name__}.")
    if not isinstance(model, nn.Module):
        raise UsageTypeError(f"`model` must be a torch.nn.Module, got {type(model).__name__}; load it first.")
    check_is_float(model)
    if conf.approach == "static" and calib_dataloader is None and calib_func is None:
        raise UsageError(
            "Static quantization needs calibration data: pass `calib_dataloader` or `calib_func` "
            '(`calibration_dataset` of IncQuantizer), or use approach="dynamic", which needs none.'
        )
    if conf.recipe("smooth_quant") and calib_dataloader is None and calib_func is None:
        raise UsageError("SmoothQuant needs calibration data: pass `calib_dataloader` or `calib_func`.")
    check_supported(conf)
    strategy = conf.tuning_criterion.strategy
    if strategy not in STRATEGIES:
        raise UsageError(f"The strategy {strategy!r} is not available yet; choose from {', '.join(STRATEGIES)}.")


def _seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def _copy_of(model: nn.Module) -> nn.Module:
    """A copy with the `forward` of its class, as one that is saved and loaded has it.

    What TRL puts in its place holds the original model, and would compute with that one's weights.
    """
    copied = copy.deepcopy(model)
    vars(copied).pop("forward", None)
    return copied
