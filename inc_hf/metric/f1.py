"""INC 2.X's `neural_compressor.metric.f1`: F1 of the answers to questions, as that of SQuAD."""

import re
import string
from collections.abc import Iterable, Mapping
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
    questions = [question for article in dataset for part in article["paragraphs"] for question in part["qas"]]
    scores = [best_score(predictions.get(question["id"]), question["answers"]) for question in questions]
    return 100.0 * sum(scores) / max(len(scores), 1)


def best_score(prediction: str | None, answers: Iterable[Mapping[str, str]]) -> float:
    """F1 of an answer with the one of the right ones that it is closest to."""
    if prediction is None:
        return 0.0
    words = normalize_answer(prediction).split()
    return max((f1_score(words, normalize_answer(answer["text"]).split()) for answer in answers), default=0.0)
