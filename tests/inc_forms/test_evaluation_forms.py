"""Evaluations as INC's code gives them."""

import numpy as np
import pytest
import torch
from fitting import config, images, net

from inc_hf.evaluation.inc_metric import evaluate_metric
from inc_hf.evaluation.scoring import name_of
from inc_hf.mix_precision import fit as mix
from inc_hf.quantization import fit

LABELS = torch.tensor([0, 1, 2, 3, 0, 1])
DATA = [(images(), LABELS)]


@pytest.mark.parametrize(
    "scores", [[0.5], [0.5, 0.1], (0.5, 0.1), np.array([0.5, 0.1]), torch.tensor([0.5, 0.1])], ids=str
)
def test_of_a_list_of_scores_the_first_counts(scores, caplog):
    result = fit(net(), config(), eval_func=lambda model: scores)
    assert (result.score, result.baseline) == (0.5, 0.5)
    assert caplog.text.count("returned 2 scores; the first one counts") == (len(scores) > 1)


def test_an_empty_list():
    with pytest.raises(ValueError, match="returned an empty list; it must return at least one score"):
        fit(net(), config(), eval_func=lambda model: [])


@pytest.mark.parametrize(
    "of_inc, ours",
    [
        ({"topk": {"k": 1}}, {"topk": 1}),
        ({"topk": {"k": 2}}, {"topk": 2}),
        ({"topk": {}}, {"topk": None}),
        ({"accuracy": {}}, "accuracy"),
        ({"f1": {"average": "macro"}}, {"f1": "macro"}),
    ],
    ids=str,
)
def test_settings_by_their_names(of_inc, ours):
    model = net()
    assert evaluate_metric(DATA, of_inc)(model) == evaluate_metric(DATA, ours)(model)
    assert name_of(of_inc) == name_of(ours)


@pytest.mark.parametrize("verb", [fit, mix], ids=["quantization", "mix_precision"])
def test_with_the_config_under_its_second_name(verb):
    conf = config() if verb is fit else None
    model = verb(net(), config=conf, eval_dataloader=DATA, eval_metric={"topk": {"k": 1}})
    assert model.metric == "topk 1" and model.score is not None
    with pytest.raises(TypeError, match="`config` is another name of `conf`; pass one of them"):
        verb(net(), conf=conf, config=conf)
