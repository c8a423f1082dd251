"""`fit`: post-training quantization, tuned to an accuracy goal (INC 2.X `neural_compressor.quantization`)."""

import logging
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from inc_hf.checkpoint import attach_quantizers
from inc_hf.config import PostTrainingQuantConfig, options
from inc_hf.config.aliases import also_called
from inc_hf.config.arguments import check_data, check_function
from inc_hf.coverage import Coverage
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.scoring import Scoring, scoring
from inc_hf.inference.optimize import ready_copy
from inc_hf.models.batches import batches_of, labels_are_inputs, take_samples
from inc_hf.quantize.support import check_layer_wise, check_supported, say_what_is_idle
from inc_hf.quantize.workflow import check_is_float
from inc_hf.report import keep_diagnosis
from inc_hf.results.by_blocks import empty_model_of, quantized_by_blocks
from inc_hf.results.compressed import held_model
from inc_hf.results.quantized import QuantizedModel
from inc_hf.results.story import goal_by
from inc_hf.telling import NOTICE
from inc_hf.tune import TuneResult, search
from inc_hf.tune.calibration import Calibration
from inc_hf.tune.comparing import agreeing_best
from inc_hf.tune.deploy import DeployConfig
from inc_hf.tune.origin import Origin, space_of
from inc_hf.tune.quantization_space import QuantizationSpace
from inc_hf.tune.search import RANKING_BATCHES
from inc_hf.tune.space import copy_of
from inc_hf.undo import restored_on_error
from inc_hf.writable import check_writable

logger = logging.getLogger(__name__)


@also_called(config="conf")
def fit(
    model: nn.Module,
    conf: PostTrainingQuantConfig | DeployConfig,
    calib_dataloader: Iterable | None = None,
    calib_func: Callable[[nn.Module], Any] | None = None,
    eval_func: Callable[[nn.Module], float | dict[str, float]] | None = None,
    eval_dataloader: Iterable | None = None,
    eval_metric: Any = None,
    metric_name: str | list[str] | None = None,
) -> QuantizedModel:
    """Quantize `model`; with an evaluation, search for a configuration that meets `conf.accuracy_criterion`.

    Without an evaluation the model itself is converted, in place; if that fails or is interrupted, it is as it was,
    for which the float weights stay in memory until the end. With one the float model is left as it is and the
    best quantized copy comes back, whether or not it meets the goal: see `met_criterion`. Each trial is written to
    `history.json` in the workspace (`set_workspace`), from which `set_resume_from` goes on, and how the best one was
    made to `deploy.json`.

    Args:
        model: a float model. With the recipe `layer_wise_quant`, the directory or Hub name of one, or what
            `load_empty_model` of INC's `adaptor.torch_utils.layer_wise_quant` gives: weights are then read, quantized
            and written block by block when the result is saved.
        conf: what to quantize and how much accuracy that may cost; or a `DeployConfig`, such as
            `DeployConfig.from_json_file("workspace/deploy.json")`, to make a model again as a search has found it,
            in place and without an evaluation.
        calib_dataloader: batches for static activations: dicts, `(inputs, label)`, or tensors; its `batch_size`
            stays what it is.
        calib_func: called with the prepared model instead, runs it on calibration data.
        eval_func: model -> score, or a dict of scores of which `metric_name` counts. A name such as "eval_loss" says
            that a lower score is better. Several names in a list count together, as `conf.accuracy_criterion` says.
        eval_dataloader, eval_metric: instead of `eval_func`; batches `(inputs, label)` and a metric: `"accuracy"`,
            `"f1"`, `{"f1": "macro"}`, `"mse"`, `{"topk": 5}`, several of them in a dict, with INC's "weight" and
            "higher_is_better" if need be, or an object with `update(preds, labels)`, `reset()` and `result()`.

    Raises:
        ValueError, TypeError: see the message; nothing has been changed or written then.
    """
    model = held_model(model)
    if isinstance(conf, DeployConfig):
        if any(given is not None for given in (eval_func, eval_dataloader, eval_metric, metric_name)):
            raise UsageError("A `DeployConfig` is made again, not searched: leave out what evaluates it.")
        return _deployed(model, conf, calib_dataloader, calib_func)
    if isinstance(conf, PostTrainingQuantConfig) and conf.recipe("layer_wise_quant"):
        check_layer_wise(conf, eval_func is not None or eval_dataloader is not None)
        model = empty_model_of(model)
    _check_request(model, conf, calib_dataloader, calib_func)
    evaluate = scoring(eval_func, eval_dataloader, eval_metric, metric_name, conf.accuracy_criterion)
    _seed_everything(options.random_seed)
    calibration = Calibration(_calibration_batches(model, conf, calib_dataloader), calib_func)
    if conf.recipe("layer_wise_quant"):
        return quantized_by_blocks(model, conf, calibration)
    if evaluate is None:
        return _converted(model, conf, calibration)
    return _tuned(model, conf, calibration, evaluate)


def _calibration_batches(model: nn.Module, conf: PostTrainingQuantConfig, dataloader: Iterable | None) -> list:
    if dataloader is None:
        return []
    batches = batches_of(dataloader, model, keep_labels=labels_are_inputs(model))
    batches = take_samples(batches, max(conf.calibration_sampling_size))
    if not batches:
        raise UsageError("The calibration data is empty; static quantization needs at least one sample.")
    return batches


def _converted(model: nn.Module, conf: PostTrainingQuantConfig, calibration: Calibration) -> QuantizedModel:
    """The model itself, converted with the default candidate, or the better one of `approach="auto"`; as it was, if
    anything fails on the way."""
    space = QuantizationSpace(model, conf, calibration, calibration.batches)
    candidate, notes = agreeing_best(model, space, space.candidates())
    deploy = Origin.of(model, calibration).deploy(space, candidate, folded=not conf.diagnosis)
    original = copy_of(model) if conf.diagnosis else None
    with restored_on_error(model):
        space.quantize(model, candidate, fold=original is None)
        coverage = space.coverage(model, candidate)
        if original is not None:
            _diagnose(original, model, calibration.batches[:RANKING_BATCHES], coverage)
        result = QuantizedModel(_attached(model), conf, candidate, coverage=coverage, notes=notes, deploy=deploy)
    coverage.log(logger)
    return result


def _deployed(
    model: nn.Module, deploy: DeployConfig, calib_dataloader: Iterable | None, calib_func: Callable | None
) -> QuantizedModel:
    """The model itself, converted as a deploy file says."""
    conf = deploy.config()
    if deploy.needs_data and calib_dataloader is None and calib_func is None:
        raise UsageError("The deploy file is of a model with calibration: pass `calib_dataloader` or `calib_func`.")
    _check_request(model, conf, calib_dataloader, calib_func)
    deploy.check_model(model)
    _seed_everything(deploy.seed)
    calibration = Calibration(_calibration_batches(model, conf, calib_dataloader), calib_func)
    origin = Origin.of(model, calibration)
    notes = deploy.doubts(origin.model, origin.data)
    for note in notes:
        logger.warning("%s", note)
    space = space_of(deploy, model, calibration)
    with restored_on_error(model):
        space.quantize(model, deploy.candidate, fold=deploy.folded)
        coverage = space.coverage(model, deploy.candidate)
        result = QuantizedModel(_attached(model), conf, deploy.candidate, None, coverage, notes, deploy)
    coverage.log(logger)
    return result


def _tuned(
    model: nn.Module, conf: PostTrainingQuantConfig, calibration: Calibration, evaluate: Scoring
) -> QuantizedModel:
    """The best quantized copy that the strategy finds."""
    tuning = replace(conf.tuning_criterion, max_trials=1) if conf.diagnosis else conf.tuning_criterion
    to_search, goal_of = partial(QuantizationSpace, model, conf, calibration), partial(goal_by, evaluate)
    kept = {"deploy": Origin.of(model, calibration).deploy, "content": evaluate.content}
    batches, level = calibration.batches, conf.quant_level
    result = search(model, evaluate, to_search, goal_of, tuning, batches, level, ready_copy, **kept)
    if conf.diagnosis:
        _diagnose(model, result.model, result.inputs, result.coverage, result)
    result.coverage.log(logger)
    tuned = QuantizedModel(_attached(result.model), conf, result.candidate, result, result.coverage, result.doubts)
    return tuned.made_of(model)


def _diagnose(
    model: nn.Module, quantized: nn.Module, inputs: list, coverage: Coverage, result: TuneResult | None = None
) -> None:
    """Write the tables of a diagnosis, and a page that shows them, to the workspace."""
    page = keep_diagnosis(Path(options.workspace), model, quantized, inputs, coverage, result)
    logger.log(NOTICE, "Diagnosis, module by module: %s, and the tables beside it.", page)


def _attached(model: nn.Module) -> nn.Module:
    """The model, in evaluation mode; what is of transformers is ready for `save_pretrained`."""
    return attach_quantizers(model.eval())


def _check_request(model: nn.Module, conf: Any, calib_dataloader: Any, calib_func: Any) -> None:
    if not isinstance(conf, PostTrainingQuantConfig):
        raise UsageTypeError(f"`conf` must be a PostTrainingQuantConfig, got {type(conf).__name__}.")
    if not isinstance(model, nn.Module):
        raise UsageTypeError(f"`model` must be a torch.nn.Module, got {type(model).__name__}; load it first.")
    conf.use()
    check_is_float(model)
    check_data("calib_dataloader", calib_dataloader)
    check_function("calib_func", calib_func)
    if conf.approach == "static" and calib_dataloader is None and calib_func is None:
        raise UsageError(
            "Static quantization needs calibration data: pass `calib_dataloader` or `calib_func` "
            '(`calibration_dataset` of IncQuantizer), or use approach="dynamic", which needs none.'
        )
    for recipe, words in (("smooth_quant", "SmoothQuant"), ("fast_bias_correction", "Bias correction")):
        if conf.recipe(recipe) and calib_dataloader is None and calib_func is None:
            raise UsageError(f"{words} needs calibration data: pass `calib_dataloader` or `calib_func`.")
    check_supported(conf)
    say_what_is_idle(conf)
    if conf.diagnosis:
        check_writable(options.workspace)


def _seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
