"""Components of INC 1.X that have nothing to do here, each with where to go instead."""

from typing import Any

from inc_hf.errors import UsageError
from inc_hf.experimental.conf_classes import refuse_nas


class GraphOptimization:
    """Refused: it optimized graphs of TensorFlow.

    Raises:
        ValueError: always.
    """

    def __init__(self, conf_fname_or_obj: Any = None):
        raise UsageError(
            "Graph_Optimization changed graphs of TensorFlow, which are not taken here. For BF16 use "
            "`MixedPrecision`; for what a runtime does to a graph, `inc_hf.optimize(model)` or `inc-hf export`."
        )


Graph_Optimization = GraphOptimization


class ModelConversion:
    """Refused: it converted models that TensorFlow had trained for quantization.

    Raises:
        ValueError: always.
    """

    def __init__(self, conf_fname_or_obj: Any = None):
        raise UsageError(
            "ModelConversion made quantized models of TensorFlow's quantization-aware training, which are not taken "
            "here. With torch, `Quantization` with `approach: quant_aware_training` converts the model itself when "
            "training ends; so does `inc_hf.training.prepare_compression`."
        )


class NAS:
    """Refused: architectures are not searched here.

    Raises:
        ValueError: always.
    """

    def __init__(self, conf_fname_or_obj: Any = None, *args: Any, **kwargs: Any):
        refuse_nas()


class AutoDistillation:
    """Refused: it searched the architecture of a student.

    Raises:
        ValueError: always.
    """

    def __init__(self, *args: Any, **kwargs: Any):
        raise UsageError(
            "Auto distillation searched the architecture of a student, which is not here. Choose a student yourself, "
            "and use `Distillation` or `inc_hf.DistillationCallback`."
        )
