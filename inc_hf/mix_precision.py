"""`fit`: weights in bfloat16 where that costs no accuracy (INC 2.X `neural_compressor.mix_precision`)."""

import logging
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
from torch import nn

from inc_hf import ops
from inc_hf.config import MixedPrecisionConfig
from inc_hf.config.aliases import also_called
from inc_hf.coverage import Reason
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.scoring import scoring
from inc_hf.inference.optimize import ready_copy
from inc_hf.quantize.bf16 import bf16_modules, candidates_of, use_bf16
from inc_hf.quantize.coverage import inventory_of
from inc_hf.results.compressed import held_model
from inc_hf.results.mixed import MixedModel
from inc_hf.results.quantized import QuantizedModel
from inc_hf.results.story import goal_by
from inc_hf.tune import search
from inc_hf.tune.bf16_space import VERB, Bf16Space, kinds_to_convert
from inc_hf.undo import restored_on_error

logger = logging.getLogger(__name__)


@also_called(config="conf")
def fit(
    model: nn.Module | QuantizedModel,
    conf: MixedPrecisionConfig | None = None,
    eval_func: Callable[[nn.Module], float | dict[str, float]] | None = None,
    eval_dataloader: Iterable | None = None,
    eval_metric: Any = None,
    metric_name: str | list[str] | None = None,
) -> MixedModel:
    """Store the weights of float layers in bfloat16, half the size; activations and sums stay in float32.

    Products are computed by our kernels, which widen the weights as they go, or, where that is faster, round the
    activations as well (`ops.multiplies_in_bf16`). T5 itself rounds what its `wo` reads, to the dtype of that weight.
    Layers that are quantized already stay so: INT8 and BF16 mix in one model.

    Without an evaluation the model itself is converted, in place, or is as it was if that fails. With one the model
    is left as it is; modules go back to float32 until `conf.accuracy_criterion` is met, type by type (`quant_level`
    0), the most harmful first (1), or first the one and then the other ("auto"), and the best copy comes back.

    Args:
        model: a float32 model, or one that was partly quantized.
        conf ([`MixedPrecisionConfig`], *optional*): `op_type_dict` and `op_name_dict` keep modules in float32 by
            `{"weight": {"dtype": "fp32"}}`.
        eval_func, eval_dataloader, eval_metric, metric_name: as in [`inc_hf.quantization.fit`].

    Raises:
        TypeError, ValueError: see the message; nothing has been changed then.
    """
    conf = MixedPrecisionConfig() if conf is None else conf
    model = model.model if isinstance(model, QuantizedModel) else held_model(model)
    _check(model, conf)
    evaluate = scoring(eval_func, eval_dataloader, eval_metric, metric_name, conf.accuracy_criterion)
    left: dict[str, Reason] = {}
    kinds, inventory = kinds_to_convert(model, conf, left), inventory_of(model, candidates_of(model))
    logger.debug(what_it_means_here())  # `inc-hf convert` prints it
    if evaluate is None:
        with restored_on_error(model):
            mixed = MixedModel(use_bf16(model, kinds).eval())
        mixed.coverage = inventory.coverage(VERB, kinds, left, kinds, kinds)
    else:
        space_of = partial(Bf16Space, model, conf, kinds, inventory, left)
        goal_of = partial(goal_by, evaluate)
        result = search(
            model, evaluate, space_of, goal_of, conf.tuning_criterion, ready=ready_copy, content=evaluate.content
        )
        mixed = MixedModel(result.model, result).made_of(model)
    mixed.coverage.log(logger)
    return mixed


def _check(model: nn.Module, conf: Any) -> None:
    if not isinstance(model, nn.Module):
        raise UsageTypeError(f"`model` must be a torch.nn.Module, got {type(model).__name__}; load it first.")
    if not isinstance(conf, MixedPrecisionConfig):
        raise UsageTypeError(f"`conf` must be a MixedPrecisionConfig, got {type(conf).__name__}.")
    conf.use()
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
