"""INC's scores of the answers to questions."""

import pytest

from inc_hf.metric.evaluate_squad import evaluate as evaluate_squad
from inc_hf.metric.f1 import evaluate, f1_score, normalize_answer

QUESTIONS = [
    {"id": "team", "answers": [{"text": "The Denver Broncos"}, {"text": "Broncos"}]},
    {"id": "when", "answers": [{"text": "February 7, 2016"}]},
]
ARTICLES = [{"paragraphs": [{"qas": [question]} for question in QUESTIONS]}]


@pytest.mark.parametrize(
    "predictions, f1, exact",
    [
        ({"team": "denver broncos!", "when": "February 7, 2016"}, 100.0, 100.0),
        ({"team": "Broncos of Denver", "when": "2016"}, 100 * (4 / 5 + 1 / 2) / 2, 0.0),
        ({"team": "Broncos"}, 50.0, 50.0),
        ({}, 0.0, 0.0),
    ],
)
def test_scores(predictions, f1, exact):
    assert evaluate(predictions, ARTICLES) == pytest.approx(f1)
    assert evaluate_squad(iter(ARTICLES), predictions) == pytest.approx({"f1": f1, "exact_match": exact})


def test_words():
    assert normalize_answer("The  end, of AN era.") == "end of era"
    assert f1_score(["a", "b", "b"], ["b", "b", "c", "d"]) == 4 / 7 and f1_score([], ["a"]) == 0
