"""INC 1.X's `neural_compressor.experimental.metric.evaluate_squad`."""

from inc_hf.experimental.metric.f1 import evaluate

__all__ = ["evaluate"]
