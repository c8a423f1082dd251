"""`layer_wise_quant`: a checkpoint quantized with one block of the model in memory at a time."""

import logging
import os
from typing import Any

import torch
from torch import nn

from inc_hf.checkpoint import attach_quantizers
from inc_hf.checkpoint.streamed import StreamedWeights
from inc_hf.config import PostTrainingQuantConfig
from inc_hf.errors import UsageError
from inc_hf.models.empty import empty_model
from inc_hf.quantize import prepare
from inc_hf.quantize.nn import QLinear, empty_twin
from inc_hf.quantize.workflow import drop_uncalibrated, planned_modules, unprepare
from inc_hf.results.layer_wise import LayerWiseModel
from inc_hf.tune.calibration import Calibration
from inc_hf.tune.quantization_space import QuantizationSpace
from inc_hf.tune.space import copy_of

logger = logging.getLogger(__name__)


def empty_model_of(model: Any) -> nn.Module:
    """The model without its weights that `layer_wise_quant` works on.

    Args:
        model: one that `load_empty_model` gave, or the directory or Hub name of a checkpoint.

    Raises:
        ValueError: it is in memory already.
    """
    if isinstance(model, str | os.PathLike):
        model = empty_model(model)
    is_empty = isinstance(model, nn.Module) and all(parameter.is_meta for parameter in model.parameters())
    if not is_empty or not hasattr(model, "config"):
        raise UsageError(
            "`layer_wise_quant` reads the weights from disk, one block at a time, and this model is in memory; pass "
            "its directory, or `load_empty_model(directory)` of `inc_hf.adaptor.torch_utils.layer_wise_quant`."
        )
    return model


def quantized_by_blocks(model: nn.Module, conf: PostTrainingQuantConfig, calibration: Calibration) -> LayerWiseModel:
    """Calibrate a model without weights, block by block; what comes back quantizes it when it is saved.

    Each forward pass reads the whole model once, so that few large batches are better than many small ones.

    Args:
        model: its parameters on meta, see [`empty_model`]; it stays as it is.
    """
    place = conf.recipe("layer_wise_quant_args").get("model_path") or model.config.name_or_path
    model = copy_of(model)
    weights = StreamedWeights(model, place)
    with torch.no_grad(), weights.on_demand():
        space = QuantizationSpace(model, conf, calibration, calibration.batches)
        candidate = space.candidates()[0]
        prepare(model, candidate.schemes, space.reached, candidate.correct_bias)
        try:
            if candidate.needs_calibration:
                calibration.run(model, candidate.calibration_samples)
            drop_uncalibrated(planned_modules(model))
        except BaseException:
            unprepare(model)
            raise
    described = _described(model)
    coverage = space.coverage(described, candidate)
    result = LayerWiseModel(attach_quantizers(described), conf, candidate, coverage=coverage)
    coverage.log(logger)
    return result.of(model, weights)


def _described(model: nn.Module) -> nn.Module:
    """A copy on the meta device with quantized modules, from which the config of the checkpoint is written."""
    plans = {name: vars(module).pop("quantization_plan") for name, module in planned_modules(model).items()}
    for plan in plans.values():
        plan.stop()
    described = copy_of(model)
    for name, plan in plans.items():
        model.get_submodule(name).quantization_plan = plan
        with torch.device("meta"):
            twin = empty_twin(described.get_submodule(name), plan.scheme)
        if isinstance(twin, QLinear):
            twin.input_ndim = plan.input_ndim
        described.set_submodule(name, twin)
    return described.eval()
