"""prepare -> calibrate -> convert: each changes the model in place and returns it."""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from inc_hf.config.arguments import check_takes
from inc_hf.errors import UsageError, usage_error_for
from inc_hf.matching.patterns import named_modules_with_duplicates
from inc_hf.matching.sentences import takes_features
from inc_hf.quantize.alpha import choose_alphas
from inc_hf.quantize.bias import can_correct, corrected_bias
from inc_hf.quantize.correct import integers_of
from inc_hf.quantize.nn import QLinear, QModule, empty_twin, op_type, quantized_modules, weight_matrix
from inc_hf.quantize.plan import Plan
from inc_hf.quantize.scheme import Scheme
from inc_hf.quantize.sources import Sources
from inc_hf.quantize.tokens import Tokens
from inc_hf.telling import progress_bar

logger = logging.getLogger(__name__)

after_convert: list[Callable[[nn.Module], None]] = []  # what higher layers do with each model that was converted

MISFITS = (RuntimeError, TypeError, AttributeError, KeyError, AssertionError)  # of inputs that a model does not take


def prepare(
    model: nn.Module,
    schemes: Mapping[str, Scheme],
    input_ndims: Mapping[str, int] | None = None,
    correct_bias: bool = False,
) -> nn.Module:
    """Attach a scheme, and for static activations an observer, to the named modules, in place.

    Args:
        schemes: module name -> `Scheme`, as `resolve_schemes` returns them.
        input_ndims (`dict`, *optional*): module name -> dimensions of its input, as `probe.reached_modules` returns
            them; calibration finds them, too. A compressed-tensors checkpoint is plainer where they are known.
        correct_bias (`bool`): whether `convert` is to move biases by the mean error of what calibration saw.

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
        if not (modules[name].weight.is_meta or modules[name].weight.isfinite().all()):
            raise UsageError(f"The weight of `{name}` has NaN or infinite values; check the FP32 model.")
    tokens, sources, ndims = Tokens(model), Sources(), input_ndims or {}
    plans = {
        name: Plan(name, scheme, tokens, ndims.get(name), sources, correct_bias and can_correct(modules[name]))
        for name, scheme in schemes.items()
    }
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
            with error_of_data(model, "calibration", batch):
                run(model, batch)
            count += 1
    if not count:
        raise UsageError("Calibration got no data: the dataset is empty. Static quantization needs some samples.")
    return model


def error_of_data(model: nn.Module, what: str, batch: Any = None) -> usage_error_for:
    """Around a call of the model with the user's data: ids of another tokenizer, or inputs that it does not take.

    A float model of transformers is right, so that whatever it raises is about the data.

    Args:
        what (`str`): the data are for, "calibration" or "evaluation".
    """
    is_right = type(model).__module__.startswith("transformers.") and not quantized_modules(model)
    kinds = (*MISFITS, IndexError, ValueError) if is_right else (IndexError, ValueError)
    names = set(batch) if isinstance(batch, Mapping) else None
    is_pair = getattr(getattr(model, "config", None), "is_encoder_decoder", False)
    if is_pair and names is not None and not names & {"labels", "decoder_input_ids", "decoder_inputs_embeds"}:
        return usage_error_for(
            f"The {what} data does not fit the model, which may need `labels` or `decoder_input_ids`, too", kinds
        )
    return usage_error_for(f"The {what} data does not fit the model", kinds)


def run(model: nn.Module, batch: Any) -> Any:
    """Call the model with a batch in any of the forms that `calibrate` takes.

    A model of sentence-transformers takes a mapping as it is, and writes to it.
    """
    if isinstance(batch, Mapping) and "input" not in batch and takes_features(model):
        return model(dict(batch))
    if not isinstance(batch, Mapping | tuple | list):
        return model(batch)
    try:
        return model(**batch) if isinstance(batch, Mapping) else model(*batch)
    except TypeError:
        check_takes(model, dict(batch) if isinstance(batch, Mapping) else tuple(batch))
        raise


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
    drop_uncalibrated(planned_modules(model))
    choose_alphas(planned_modules(model))
    # Only names are kept: a reference to a float module would keep its weight in memory.
    groups: dict[int, list[str]] = {}
    for name, module in named_modules_with_duplicates(model):
        if hasattr(module, "quantization_plan"):
            groups.setdefault(id(module), []).append(name)
    tied = tied_weights(planned_modules(model))
    for names in progress_bar(list(groups.values()), desc="Converting", disable=not progress, leave=False):
        module = model.get_submodule(names[0])
        twin = quantized_twin(module, tied)
        module.quantization_plan.detach(module)
        for name in names:
            model.set_submodule(name, twin)
    for action in after_convert:
        action(model)
    return model


def tied_weights(planned: Mapping[str, nn.Module]) -> dict[tuple, QModule | None]:
    """Key of each weight that several prepared modules share -> its first twin, None before that is made."""
    counts = Counter(_weight_key(module) for module in planned.values())
    return {key: None for key, count in counts.items() if count > 1}


def _weight_key(module: nn.Module) -> tuple:
    # The shape and strides tell apart weights that are views of one tensor and start at the same address. One that is
    # computed (weight norm) may have the address of an earlier one that is gone.
    matrix = weight_matrix(module)
    address = matrix.data_ptr() if "weight" in module._parameters else id(module)
    return address, matrix.shape, matrix.stride(), module.quantization_plan.scheme.weight


def drop_uncalibrated(planned: Mapping[str, nn.Module]) -> None:
    """Take the plans off the modules with static activations that calibration did not reach, with a warning.

    Raises:
        ValueError: it has reached none.
    """
    calibrated = [name for name, module in planned.items() if module.quantization_plan.scheme.needs_calibration]
    unseen = [name for name in calibrated if planned[name].quantization_plan.lacks_data]
    if unseen and len(unseen) == len(calibrated):
        raise UsageError("Static activations need calibration: call `calibrate` with some batches before `convert`.")
    if unseen:
        logger.warning("Not reached by the calibration data, kept in float: %s", ", ".join(unseen))
    for name in unseen:
        planned[name].quantization_plan.detach(planned[name])


@torch.no_grad()
def quantized_twin(module: nn.Module, tied: dict[tuple, QModule | None]) -> QModule:
    """Quantized twin of one prepared module, which stays as it is; the first of each tied weight is remembered in
    `tied`."""
    plan: Plan = module.quantization_plan
    key = _weight_key(module)
    with torch.device("meta"):
        twin = empty_twin(module, plan.scheme)
    weight = weight_matrix(module)
    factors = plan.smoothing_factors(weight)
    if factors is not None:
        twin.smooth_scale = None if plan.scheme.smooth_alpha is None else factors.clone()  # None: folded
        weight = weight * factors
    if plan.output_factors is not None:
        weight = weight / plan.output_factors[:, None]
    if (first := tied.get(key)) is not None:
        twin.weight_scale = first.weight_scale.clone()
        twin.share_weight(first)
    else:
        codes, twin.weight_scale, twin.weight_zero_point = integers_of(weight, plan.scheme.weight)
        twin.set_codes(codes)
    if key in tied:
        tied[key] = first or twin
    if getattr(module, "bias", None) is not None:
        bias = corrected_bias(module, plan, factors) if plan.corrects_bias else module.bias.detach()
        bias = bias if plan.output_factors is None else (bias / plan.output_factors).to(bias.dtype)
        twin.bias = nn.Parameter(bias, requires_grad=False)
    if plan.scheme.is_static:
        twin.input_scale, twin.input_zero_point = plan.activation_qparams(factors)
    if isinstance(twin, QLinear):
        twin.input_ndim = plan.input_ndim
    return twin.train(module.training)
