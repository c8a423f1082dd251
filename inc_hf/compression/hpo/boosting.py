"""Trees that learn a metric from hyperparameters: XGBoost's, or scikit-learn's where that is not installed."""

from typing import Any

import numpy as np


class BoostedTrees:
    """
    Args:
        is_ranker (`bool`): whether it learns the order of the metrics only.

    Raises:
        ImportError: neither XGBoost nor scikit-learn is installed.
    """

    def __init__(self, is_ranker: bool, seed: int):
        self.is_ranker = is_ranker
        self.model = _of_xgboost(is_ranker, seed) or _of_sklearn(seed)
        self.ranks_itself = is_ranker and type(self.model).__name__ == "XGBRanker"

    def fit(self, places: np.ndarray, scores: np.ndarray) -> None:
        if self.ranks_itself:
            self.model.fit(places, scores, group=[len(scores)])
        else:
            self.model.fit(places, scores.argsort().argsort() if self.is_ranker else scores)

    def predict(self, places: np.ndarray) -> np.ndarray:
        return self.model.predict(places)


def _of_xgboost(is_ranker: bool, seed: int) -> Any:
    try:
        import xgboost
    except ImportError:
        return None
    kind, objective = (xgboost.XGBRanker, "rank:pairwise") if is_ranker else (xgboost.XGBRegressor, "reg:squarederror")
    return kind(max_depth=3, n_estimators=100, gamma=1e-4, learning_rate=0.3, objective=objective, random_state=seed)


def _of_sklearn(seed: int) -> Any:
    try:
        from sklearn.ensemble import GradientBoostingRegressor
    except ImportError as error:
        raise ImportError(
            'The searcher "xgb" needs xgboost or scikit-learn: pip install "inc-hf[evaluate]", or take "random".'
        ) from error
    return GradientBoostingRegressor(max_depth=3, n_estimators=100, learning_rate=0.3, random_state=seed)
