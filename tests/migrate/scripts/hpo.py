"""Hyperparameters of pruning, searched."""

from neural_compressor.compression.hpo import GridSearcher, SearchSpace, prepare_hpo
from neural_compressor.config import HPOConfig

space = {"learning_rate": SearchSpace((0.0001, 0.001)), "num_train_epochs": SearchSpace(bound=(2, 5), interval=1)}
config = HPOConfig(space, searcher="random", higher_is_better=True)
searcher = prepare_hpo(config)
for _ in range(4):
    params = searcher.suggest()
    searcher.get_feedback(1.0 - params["learning_rate"])
print(searcher.best, GridSearcher.__name__)
