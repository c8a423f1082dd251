"""INC 2.X's `neural_compressor.compression.hpo`: a search for hyperparameters that suggests, and is told the metric.

With the Trainer, `Trainer.hyperparameter_search` does all of it.
"""

from inc_hf.compression.hpo.sa_optimizer import SimulatedAnnealingOptimizer
from inc_hf.compression.hpo.search_algorithms import (
    BayesianOptimizationSearcher,
    GridSearcher,
    RandomSearcher,
    Searcher,
    XgbSearcher,
    prepare_hpo,
)
from inc_hf.compression.hpo.search_space import (
    BaseSearchSpace,
    ContinuousSearchSpace,
    DiscreteSearchSpace,
    SearchSpace,
)

__all__ = [
    "BaseSearchSpace",
    "BayesianOptimizationSearcher",
    "ContinuousSearchSpace",
    "DiscreteSearchSpace",
    "GridSearcher",
    "RandomSearcher",
    "SearchSpace",
    "Searcher",
    "SimulatedAnnealingOptimizer",
    "XgbSearcher",
    "prepare_hpo",
]
