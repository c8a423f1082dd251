"""INC 2.X's `neural_compressor.metric.evaluate_squad`."""

from collections.abc import Iterable, Mapping
from typing import Any

from inc_hf.metric import f1

__all__ = ["evaluate"]


def evaluate(dataset: Iterable[Mapping[str, Any]], predictions: Mapping[str, str]) -> dict[str, float]:
    """Exact matches and F1, in percent, see [`inc_hf.metric.f1.evaluate`]."""
    articles = list(dataset)
    exact = f1.mean_score(predictions, articles, lambda found, right: float(found == right))
    return {"exact_match": exact, "f1": f1.evaluate(predictions, articles)}
