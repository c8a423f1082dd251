"""From a model to a session of IPEX."""

import copy
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from inc_hf.backends.ipex.forms import integer_modules, use_ipex_forms
from inc_hf.backends.ipex.overflow import refuse_overflow
from inc_hf.backends.ipex.require import require_ipex
from inc_hf.backends.ipex.session import IpexSession
from inc_hf.backends.ipex.trace import TraceError, check, trace
from inc_hf.errors import UsageError
from inc_hf.models.dtypes import float_dtypes
from inc_hf.models.inputs import as_named
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.workflow import check_is_float, evaluating, run

# Of the largest output. The order of additions differs by 1e-6; that can move an activation to the next integer, which
# moves an output of a quantized model by some per cent, as the 8 bits of a bfloat16 do.
LIMITS = {"float32": 1e-4, "bfloat16": 0.1, "int8": 0.05}
PRECISIONS = {torch.float32: "float32", torch.bfloat16: "bfloat16"}


def open_session(model: nn.Module, inputs: Mapping[str, Tensor], dtype: torch.dtype = torch.float32) -> IpexSession:
    """Trace a copy of `model` for IPEX: a float model, or one quantized by us, with its integers and scales.

    The graph is compared with `model` on the example batch and on one of another size, length and padding.

    Args:
        model (`nn.Module`): in float32 or quantized from that; it comes back as it was.
        inputs (`dict[str, torch.Tensor]`): an example batch of two samples by the names of `forward`.
        dtype (`torch.dtype`): float32, or, for a float model, bfloat16.

    Raises:
        ImportError: see [`require_ipex`].
        ValueError: another `dtype`, bfloat16 for a quantized model, a model that is not in float32, or one with
            8-bit weights on a CPU without VNNI.
        TraceError: the graph computes something else.
    """
    ipex = require_ipex()
    is_quantized = bool(quantized_modules(model))
    if dtype not in PRECISIONS or is_quantized and dtype != torch.float32:
        allowed = "torch.float32 for a quantized model" if is_quantized else "torch.float32 or torch.bfloat16"
        raise UsageError(f"`dtype` must be {allowed}, got {dtype}.")
    _check_float32(model)
    if fine := [n for n, m in quantized_modules(model).items() if not m.scheme.weight.is_plain]:
        raise UsageError(f"`{fine[0]}` has asymmetric weights or groups of inputs, which IPEX does not multiply.")
    refuse_overflow(max((m.scheme.weight.num_bits for m in integer_modules(model)), default=0))
    precision = "int8" if is_quantized else PRECISIONS[dtype]
    with evaluating(model):
        optimized = copy.deepcopy(model)
        # IPEX changes the memory format of convolutions even of a model that it copies, hence our copy.
        optimized = use_ipex_forms(optimized) if is_quantized else ipex.optimize(optimized, dtype=dtype, inplace=True)
        return check(trace(optimized, inputs, precision), model, inputs, LIMITS[precision])


def quantize(model: nn.Module, batches: Iterable[Any], smooth_quant_alpha: float | None = None) -> IpexSession:
    """Quantize a copy of a float model by IPEX itself: its recipe and its observers, static activations.

    The accuracy is for you to measure, SmoothQuant's above all; a checkpoint of ours, whose accuracy is known, runs
    with [`open_session`].

    Args:
        model (`nn.Module`): in float32; it comes back as it was.
        batches: calibration data in the forms that [`~inc_hf.quantize.workflow.run`] takes; the first is traced, too.
        smooth_quant_alpha (`float`, *optional*): 0 to 1, with SmoothQuant.

    Raises:
        ImportError: see [`require_ipex`].
        ValueError: there are no batches, the model is not a float32 one, `smooth_quant_alpha` is out of range, or
            the CPU has no VNNI, without which IPEX's 8-bit weights are not exact.
        TraceError: the model takes other paths for some inputs, or the graph computes something else.
    """
    ipex = require_ipex()
    check_is_float(model)
    _check_float32(model)
    if smooth_quant_alpha is not None and not 0 <= smooth_quant_alpha <= 1:
        raise UsageError(f"`smooth_quant_alpha` must be in [0, 1], got {smooth_quant_alpha}.")
    refuse_overflow(weight_bits=8)
    batches = iter(batches)
    if (first := next(batches, None)) is None:
        raise UsageError("Calibration got no data: the dataset is empty. Static quantization needs some samples.")
    inputs = _two_samples(model, first)
    with evaluating(model):
        copied = copy.deepcopy(model)
    try:
        converted = _convert(ipex, copied, inputs, itertools.chain([first], batches), smooth_quant_alpha)
        session = trace(converted, inputs, "int8")
    except RuntimeError as error:  # IPEX expects the operators of its first pass, one by one
        raise TraceError(
            f"IPEX cannot quantize {type(model).__name__}: {error} Attention of transformers must be "
            "`attn_implementation='sdpa'`, since 'eager' adds its mask for some inputs only."
        ) from error
    return check(session, converted, inputs, LIMITS["int8"])


@torch.no_grad()
def _convert(ipex: Any, model: nn.Module, inputs: dict, batches: Iterable[Any], alpha: float | None) -> nn.Module:
    quantization = ipex.quantization
    mapping = quantization.default_static_qconfig_mapping
    if alpha is not None:
        mapping = quantization.get_smooth_quant_qconfig_mapping(alpha=alpha)
    # Folding traces the whole model, and warns of those of transformers, which have nothing to fold.
    folds = any(isinstance(module, _BatchNorm) for module in model.modules())
    prepared = quantization.prepare(model, mapping, example_kwarg_inputs=inputs, inplace=True, bn_folding=folds)
    for batch in batches:
        run(prepared, batch)
    return quantization.convert(prepared, inplace=True).eval()


def _check_float32(model: nn.Module) -> None:
    if other := float_dtypes(model) - {torch.float32}:
        raise UsageError(f"IPEX takes models in float32, this one has {other.pop()}; load it in float32.")


def _two_samples(model: nn.Module, batch: Any) -> dict[str, Tensor]:
    """Two samples of a batch by name, without labels: a batch of one would become a constant of the graph."""
    named = as_named(model, batch)
    tensors = {name: value for name, value in named.items() if isinstance(value, Tensor) and name != "labels"}
    return {name: torch.cat([value, value])[:2] for name, value in tensors.items()}
