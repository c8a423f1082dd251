"""prepare -> calibrate -> convert: each changes the model in place and returns it."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from inc_hf.errors import UsageError, usage_error_for
from inc_hf.matching.patterns import named_modules_with_duplicates
from inc_hf.quantize.functional import quantize_weight
from inc_hf.quantize.nn import QLinear, QModule, empty_twin, op_type, quantized_modules, weight_matrix
from inc_hf.quantize.plan import Plan
from inc_hf.quantize.scheme import Scheme
from inc_hf.quantize.smoothquant import smoothing_factors
from inc_hf.quantize.tokens import Tokens
from inc_hf.telling import progress_bar

logger = logging.getLogger(__name__)


def prepare(
    model: nn.Module, schemes: Mapping[str, Scheme], input_ndims: Mapping[str, int] | None = None
) -> nn.Module:
    """Attach a scheme, and for static activations an observer, to the named modules, in place.

    Args:
        schemes: module name -> `Scheme`, as `resolve_schemes` returns them.
        input_ndims (`dict`, *optional*): module name -> dimensions of its input, as `probe.reached_modules` returns
            them; calibration finds them, too. A compressed-tensors checkpoint is plainer where they are known.

    Raises:
        ValueError: the model is quantized or prepared already, a name is not a module that can be quantized, a weight
            has NaN or infinite values, or an observer is unknown. The model is then as it was.
    """
    check_is_float(model)
    if "" in schemes:
        raise UsageError("The model is itself the module to replace; put it into an `nn.Sequential`.")
    modules = dict(named_modules_with_duplicates(model))
    for name in schemes:
        if name not in modules or op_type(modules[name]) is None:
            raise UsageError(f"`{name}` is not a module that can be quantized; see `resolve_schemes`.")
        if not modules[name].weight.isfinite().all():
            raise UsageError(f"The weight of `{name}` has NaN or infinite values; check the FP32 model.")
    tokens = Tokens(model)
    plans = {name: Plan(name, scheme, tokens, (input_ndims or {}).get(name)) for name, scheme in schemes.items()}
    for name, plan in plans.items():
        if not hasattr(modules[name], "quantization_plan"):
            plan.attach(modules[name])
    return model


def check_is_float(model: nn.Module) -> None:
    """Raise ValueError if the model is quantized or prepared already."""
    if quantized_modules(model) or getattr(model, "hf_quantizer", None) is not None:
        raise UsageError("The model is already quantized; start from the FP32 model.")
    if planned_modules(model):
        raise UsageError("The model is already prepared; call `convert` or `unprepare` first.")


def planned_modules(model: nn.Module) -> dict[str, nn.Module]:
    """Name -> module of all modules that `prepare` touched; a shared one comes once."""
    return {name: module for name, module in model.named_modules() if hasattr(module, "quantization_plan")}


def unprepare(model: nn.Module) -> nn.Module:
    """Take back what `prepare` attached, in place."""
    for module in planned_modules(model).values():
        module.quantization_plan.detach(module)
    return model


@torch.no_grad()
def calibrate(model: nn.Module, batches: Iterable[Any], progress: bool = True) -> nn.Module:
    """Run the prepared model on `batches` so that its observers see their ranges; the observers change, in place.

    What the attention mask leaves out is padding, and widens no range.

    Args:
        batches: inputs of the model; each a mapping (passed as keywords), a tuple or list (passed as positions), or
            one tensor.

    Raises:
        ValueError: no batch came, or an input has NaN or infinite values.
    """
    count = 0
    with evaluating(model):
        for batch in progress_bar(batches, desc="Calibrating", unit="batch", disable=not progress, leave=False):
            with calibration_error():
                run(model, batch)
            count += 1
    if not count:
        raise UsageError("Calibration got no data: the dataset is empty. Static quantization needs some samples.")
    return model


def calibration_error() -> usage_error_for:
    """Around a call of the model with calibration data: ids of another tokenizer, or inputs that it does not take."""
    return usage_error_for("The calibration data does not fit the model", (IndexError, ValueError))


def run(model: nn.Module, batch: Any) -> Any:
    """Call the model with a batch in any of the forms that `calibrate` takes."""
    if isinstance(batch, Mapping):
        return model(**batch)
    return model(*batch) if isinstance(batch, tuple | list) else model(batch)


@contextmanager
def evaluating(model: nn.Module):
    """Evaluation mode inside the block; the former mode of each module after it."""
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield model
    finally:
        for module in training:
            module.training = True


@torch.no_grad()
def convert(model: nn.Module, progress: bool = False) -> nn.Module:
    """Replace every prepared module by its quantized twin, in place, one after the other.

    Needs no more memory than the model and its largest layer. Modules that share a weight share its integers. A
    module with static activations that calibration never reached stays in float, with a warning.

    Raises:
        ValueError: nothing was prepared, or nothing was calibrated although static activations need it.
    """
    if not planned_modules(model):
        raise UsageError("No module was prepared for quantization; call `prepare` with at least one scheme.")
    _drop_uncalibrated(planned_modules(model))
    # Only names are kept: a reference to a float module would keep its weight in memory.
    groups: dict[int, list[str]] = {}
    for name, module in named_modules_with_duplicates(model):
        if hasattr(module, "quantization_plan"):
            groups.setdefault(id(module), []).append(name)
    tied = _tied_weights(model)
    for names in progress_bar(list(groups.values()), desc="Converting", disable=not progress, leave=False):
        twin = _quantize_module(model.get_submodule(names[0]), tied)
        for name in names:
            model.set_submodule(name, twin)
    return model


def _tied_weights(model: nn.Module) -> dict[tuple, QModule | None]:
    """Key of each weight that several prepared modules share -> its first twin, None before that is made."""
    counts = Counter(_weight_key(module) for module in planned_modules(model).values())
    return {key: None for key, count in counts.items() if count > 1}


def _weight_key(module: nn.Module) -> tuple:
    # The shape and strides tell apart weights that are views of one tensor and start at the same address. One that is
    # computed (weight norm) may have the address of an earlier one that is gone.
    matrix = weight_matrix(module)
    address = matrix.data_ptr() if "weight" in module._parameters else id(module)
    return address, matrix.shape, matrix.stride(), module.quantization_plan.scheme.weight


def _drop_uncalibrated(planned: dict[str, nn.Module]) -> None:
    calibrated = [name for name, module in planned.items() if module.quantization_plan.scheme.needs_calibration]
    unseen = [name for name in calibrated if planned[name].quantization_plan.lacks_data]
    if unseen and len(unseen) == len(calibrated):
        raise UsageError("Static activations need calibration: call `calibrate` with some batches before `convert`.")
    if unseen:
        logger.warning("Not reached by the calibration data, kept in float: %s", ", ".join(unseen))
    for name in unseen:
        planned[name].quantization_plan.detach(planned[name])


def _quantize_module(module: nn.Module, tied: dict[tuple, QModule | None]) -> QModule:
    """Quantized twin of one module; the first one of each tied weight is remembered in `tied`."""
    plan: Plan = module.quantization_plan
    key = _weight_key(module)
    with torch.device("meta"):
        twin = empty_twin(module, plan.scheme)
    weight = weight_matrix(module)
    if plan.channels is not None:
        twin.smooth_scale = smoothing_factors(plan.channels.amax, weight, plan.scheme.smooth_alpha)
        weight = weight * twin.smooth_scale
    if (first := tied.get(key)) is not None:
        twin.weight_scale = first.weight_scale.clone()
        twin.share_weight(first)
    else:
        codes, twin.weight_scale = quantize_weight(weight, **vars(plan.scheme.weight))
        twin.set_codes(codes)
    if key in tied:
        tied[key] = first or twin
    if getattr(module, "bias", None) is not None:
        twin.bias = nn.Parameter(module.bias.detach(), requires_grad=False)
    if plan.scheme.is_static:
        twin.input_scale, twin.input_zero_point = plan.activation_qparams(twin)
    if isinstance(twin, QLinear):
        twin.input_ndim = plan.input_ndim
    plan.detach(module)
    return twin.train(module.training)
