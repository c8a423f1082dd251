"""Pruning while a model trains: which weights become zero, and when.

Everything that computes is a function of scores and steps (`pattern`, `criterion`, `schedule`, `mask`); `Pruner` puts
them to work on the layers of a model, and `inc_hf.callbacks.PruningCallback` calls it from a Trainer.
"""

from inc_hf.prune.pruner import Pruner, prepare
from inc_hf.prune.report import get_sparsity_ratio, report_sparsity

__all__ = ["Pruner", "get_sparsity_ratio", "prepare", "report_sparsity"]
