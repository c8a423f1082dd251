"""What a config asks for that is not there: an error if it would change the result, a word if it would not."""

import logging

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.errors import UsageError
from inc_hf.quantize.per_token import approach_of
from inc_hf.quantize.settings import wants_float
from inc_hf.quantize.smoothing import smoothing_alphas

logger = logging.getLogger(__name__)

ONNX_RECIPES = (
    "gemm_to_matmul",
    "graph_optimization_level",
    "add_qdq_pair_to_weight",
    "optypes_to_exclude_output_quant",
    "dedicated_qdq_pair",
)
BACKENDS = ("default", "torch")


def say_what_is_idle(config: PostTrainingQuantConfig) -> None:
    """A word on settings of static activations where all are dynamic."""
    op_dicts = {"op_type_dict": config.op_type_dict, "op_name_dict": config.op_name_dict}
    idle = [
        f"{name}[{key!r}]"
        for name, each in op_dicts.items()
        for key, settings in each.items()
        if not wants_float(settings) and approach_of(settings, "dynamic") == "static"
    ]
    if config.approach == "dynamic" and idle:
        logger.warning(
            "The activations in %s are for `approach='static'`, and change nothing here: dynamic ones are symmetric, "
            "with a scale per token.",
            ", ".join(idle),
        )


def check_supported(config: PostTrainingQuantConfig) -> None:
    """Refuse what this version cannot do, before anything is done.

    Raises:
        ValueError: a device, backend or recipe that is not available.
    """
    if config.device != "cpu":
        raise UsageError(f"`device` must be 'cpu', got {config.device!r}: quantized models run on CPUs.")
    if config.backend not in BACKENDS:
        raise UsageError(
            f"The backend {config.backend!r} is not available yet; choose from {', '.join(BACKENDS)}. What runs the "
            "quantized model is chosen when it is loaded: `IncModelFor….from_pretrained(directory, backend=…)`."
        )
    arguments = config.recipe("smooth_quant_args").get("auto_alpha_args") or {}
    if arguments.get("do_blockwise"):
        raise UsageError("`auto_alpha_args` do_blockwise is not available yet: alphas are chosen layer by layer.")
    for name in ONNX_RECIPES:
        if name in config.recipes:
            logger.warning("The recipe %r is for ONNX Runtime; it changes nothing here.", name)


def check_layer_wise(config: PostTrainingQuantConfig, is_evaluated: bool) -> None:
    """Refuse what cannot be done with one block of the model in memory.

    Raises:
        ValueError: an evaluation, a diagnosis, SmoothQuant, or the approach "auto", which all compare whole models.
    """
    what = {
        "an evaluation": is_evaluated,
        "`diagnosis`": config.diagnosis,
        "SmoothQuant": smoothing_alphas(config) != [None],
        "`approach='auto'`": config.approach == "auto",
    }
    for name in (name for name, is_asked in what.items() if is_asked):
        raise UsageError(
            f"`layer_wise_quant` has one block of the model in memory at a time, and {name} needs the whole model; "
            "leave out one of the two."
        )
