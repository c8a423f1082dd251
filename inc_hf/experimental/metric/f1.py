"""INC 1.X's `neural_compressor.experimental.metric.f1`."""

from inc_hf.config.elsewhere import elsewhere

SQUAD = 'use `IncQuantizer(task="question-answering")`, or `evaluate.load("squad")`'
evaluate = elsewhere("evaluate", SQUAD)

__all__ = ["evaluate"]
