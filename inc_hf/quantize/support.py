"""What a config asks for that is not there: an error if it would change the result, a word if it would not."""

import logging

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.errors import UsageError

logger = logging.getLogger(__name__)

UNAVAILABLE_RECIPES = ("layer_wise_quant", "weight_correction")
ONNX_RECIPES = (
    "gemm_to_matmul",
    "graph_optimization_level",
    "add_qdq_pair_to_weight",
    "optypes_to_exclude_output_quant",
    "dedicated_qdq_pair",
)
BACKENDS = ("default", "torch")


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
    for name in UNAVAILABLE_RECIPES:
        if config.recipe(name):
            raise UsageError(f"The recipe {name!r} is not available yet; leave it out of `recipes`.")
    arguments = config.recipe("smooth_quant_args").get("auto_alpha_args") or {}
    if arguments.get("do_blockwise"):
        raise UsageError("`auto_alpha_args` do_blockwise is not available yet: alphas are chosen layer by layer.")
    for name in ONNX_RECIPES:
        if name in config.recipes:
            logger.warning("The recipe %r is for ONNX Runtime; it changes nothing here.", name)
