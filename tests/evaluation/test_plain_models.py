"""Models that are none of transformers: scored if they take the batch by name, otherwise refused with what fits."""

import pytest
import torch
from torch import nn

from inc_hf.config import PostTrainingQuantConfig, WeightPruningConfig
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation import evaluate_task
from inc_hf.models.tasks import SCORED
from inc_hf.prune.oneshot import prune_oneshot
from inc_hf.quantization import fit

BATCH = {"input_ids": torch.ones(2, 4, dtype=torch.long), "labels": torch.tensor([0, 1])}
INPUTS = {"input_ids": BATCH["input_ids"]}


class Plain(nn.Module):
    """Scores of two classes, for each token or for the text."""

    def __init__(self, per_token: bool = False):
        super().__init__()
        self.embedding, self.per_token = nn.Embedding(96, 2), per_token

    def forward(self, input_ids):
        scores = self.embedding(input_ids)
        return scores if self.per_token else scores.mean(1)


def layers() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 4))


def test_scored():
    assert evaluate_task(Plain(), [BATCH], "text-classification") == {"accuracy": 0.5}
    assert evaluate_task(Plain(per_token=True), [INPUTS], "text-generation").keys() == {"accuracy"}


CALLS = {
    **{task: lambda task=task: evaluate_task(nn.Linear(4, 2), [BATCH], task) for task in SCORED},
    "calibration": lambda: fit(layers(), PostTrainingQuantConfig(approach="static"), calib_dataloader=[INPUTS]),
    "one-shot pruning": lambda: prune_oneshot(
        layers(), WeightPruningConfig(pruning_type="wanda", pattern="1x1", target_sparsity=0.5), [INPUTS]
    ),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_batch_that_the_model_does_not_take(call):
    with pytest.raises(UsageTypeError, match="does not take this batch, .* by name: .*It takes"):
        call()


@pytest.mark.parametrize("task", ["text-generation", "question-answering"])
def test_a_model_that_does_not_give_what_the_task_scores(task):
    with pytest.raises(UsageError, match=f"Plain is not for the task '{task}'|labels of shape"):
        evaluate_task(Plain(), [BATCH], task)


def test_a_batch_without_tokens_or_labels():
    class Sum(nn.Module):
        def forward(self, inputs_embeds):
            return inputs_embeds

    with pytest.raises(UsageError, match="Evaluation needs labels"):
        evaluate_task(Sum(), [{"inputs_embeds": torch.ones(1, 2, 3)}], "text-generation")


def test_a_fault_inside_stays_one():
    class Faulty(nn.Module):
        def forward(self, input_ids):
            return input_ids + "1"

    with pytest.raises(TypeError, match="unsupported operand") as error:
        evaluate_task(Faulty(), [BATCH], "text-classification")
    assert not isinstance(error.value, UsageError)
