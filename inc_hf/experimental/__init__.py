"""The API of INC 1.X, `neural_compressor.experimental`: all of it is put into terms of 2.X, and runs the same code.

The names below are imported at their first use, so that importing the package is quick.
"""

from inc_hf._lazy import lazy_names

_LAZY = {
    "Component": "inc_hf.experimental.component",
    "Quantization": "inc_hf.experimental.quantization",
    "Pruning": "inc_hf.experimental.pruning",
    "Distillation": "inc_hf.experimental.distillation",
    "MixedPrecision": "inc_hf.experimental.mixed_precision",
    "Benchmark": "inc_hf.experimental.benchmark",
    "Scheduler": "inc_hf.experimental.scheduler",
    "ModelConversion": "inc_hf.experimental.refused",
    "Graph_Optimization": "inc_hf.experimental.refused",
    "GraphOptimization": "inc_hf.experimental.refused",
    "NAS": "inc_hf.experimental.refused",
    "AutoDistillation": "inc_hf.experimental.refused",
}

__all__ = list(_LAZY)

__getattr__, __dir__ = lazy_names(__name__, _LAZY)
