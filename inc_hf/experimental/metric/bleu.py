"""INC 1.X's `neural_compressor.experimental.metric.bleu`."""

from inc_hf.config.elsewhere import elsewhere

BLEU = elsewhere("BLEU", 'pass an `eval_func` that uses `evaluate.load("sacrebleu")`')

__all__ = ["BLEU"]
