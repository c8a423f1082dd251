"""Callbacks for the Trainer of transformers."""

from inc_hf.callbacks.distillation import DistillationCallback
from inc_hf.callbacks.pruning import PruningCallback
from inc_hf.callbacks.qat import QuantizationAwareTrainingCallback

__all__ = ["DistillationCallback", "PruningCallback", "QuantizationAwareTrainingCallback"]
