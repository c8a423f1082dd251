"""INC 2.X's `neural_compressor.metric.f1`: F1 of the answers to questions, as that of SQuAD."""

import re
import string
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from inc_hf.evaluation.metric_objects import overlap as f1_score

__all__ = ["evaluate", "f1_score", "normalize_answer"]


def normalize_answer(text: str) -> str:
    """The words of an answer, without case, punctuation and articles."""
    text = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def evaluate(predictions: Mapping[str, str], dataset: Iterable[Mapping[str, Any]]) -> float:
    """The mean F1, in percent, over the questions of the articles of SQuAD; one without an answer counts 0.

    Args:
        predictions: id of a question -> answer.
        dataset: articles, `{"paragraphs": [{"qas": [{"id": ..., "answers": [{"text": ...}]}]}]}`.
    """
    return mean_score(predictions, dataset, lambda found, right: f1_score(found.split(), right.split()))


def mean_score(
    predictions: Mapping[str, str], dataset: Iterable[Mapping[str, Any]], score: Callable[[str, str], float]
) -> float:
    """The mean, in percent, of the score of each answer with that of the right ones that it is closest to."""
    questions = [question for article in dataset for part in article["paragraphs"] for question in part["qas"]]
    total = 0.0
    for question in questions:
        if question["id"] in predictions:
            found = normalize_answer(predictions[question["id"]])
            rights = [normalize_answer(answer["text"]) for answer in question["answers"]]
            total += max((score(found, right) for right in rights), default=0.0)
    return 100.0 * total / max(len(questions), 1)
