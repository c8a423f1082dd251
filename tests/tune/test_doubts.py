"""Goals that say nothing are met with a word of warning."""

import pytest
from tiny import tiny_model, tiny_tokenizer

from inc_hf import IncQuantizer
from inc_hf.config import AccuracyCriterion
from inc_hf.tune.doubts import doubts_of
from inc_hf.tune.tuner import Goal

LOWER = AccuracyCriterion(higher_is_better=False)
DOUBTED = {
    "nothing is right": (Goal(0.0, AccuracyCriterion(), "accuracy"), "scores 0.0000"),
    "nothing is right, of anything": (Goal(0.0, AccuracyCriterion()), "scores 0.0000"),
    "worse than chance": (Goal(-1.0, AccuracyCriterion(), "pearson"), "scores -1.0000"),
    "one sample": (Goal(1.0, AccuracyCriterion(), "accuracy", {"samples": 1}), "1 sample: one is 100.0% of the score"),
    "few samples": (Goal(0.9, AccuracyCriterion(), "accuracy", {"samples": 8}), "8 samples: one is 12.5%"),
    "all may be lost": (Goal(0.9, AccuracyCriterion(tolerable_loss=1)), "lose 100% of the score"),
    "half may be lost": (Goal(0.9, AccuracyCriterion(tolerable_loss=0.5)), "lose 50% of the score"),
}
BELIEVED = {
    "enough samples": Goal(0.9, AccuracyCriterion(), "accuracy", {"samples": 200}),
    "a loss of 0": Goal(0.0, LOWER, "eval_loss"),
    "a negative score of one's own": Goal(-3.0, AccuracyCriterion()),
    "no loss at all, of few samples": Goal(0.9, AccuracyCriterion(tolerable_loss=0), "accuracy", {"samples": 8}),
    "an absolute loss of points": Goal(90.0, AccuracyCriterion(criterion="absolute", tolerable_loss=1)),
    "a perplexity that may double": Goal(9.0, AccuracyCriterion(higher_is_better=False, tolerable_loss=1)),
}


@pytest.mark.parametrize(("goal", "doubt"), DOUBTED.values(), ids=DOUBTED)
def test_doubted(goal, doubt):
    assert [doubt in told for told in doubts_of(goal)] == [True]


@pytest.mark.parametrize("goal", BELIEVED.values(), ids=BELIEVED)
def test_believed(goal):
    assert doubts_of(goal) == []


def test_told_with_the_result(caplog):
    model, tokenizer = tiny_model("bert"), tiny_tokenizer()
    quantizer = IncQuantizer.from_pretrained(model, task="sentiment-analysis", tokenizer=tokenizer)
    with caplog.at_level("WARNING", "inc_hf"):
        result = quantizer.quantize(eval_dataset=[{"text": "the film", "label": 1}])
    doubts = [note for note in result.notes if "1 sample: one is 100.0% of the score" in note]
    assert len(doubts) == 1 and doubts[0] in caplog.text
    assert result.dataset == {"samples": 1}
