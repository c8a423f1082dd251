"""DistillationConfig as INC's guide makes it."""

import pytest
import torch

from inc_hf.config import (
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    SelfKnowledgeDistillationLossConfig,
)

KNOWLEDGE, INNER, SELF = (
    KnowledgeDistillationLossConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    SelfKnowledgeDistillationLossConfig,
)


class PyTorchKnowledgeDistillationLoss:
    """Called as that of INC 1.X."""


@pytest.mark.parametrize(
    "criterion, expected",
    [
        ("KnowledgeDistillationLoss", KNOWLEDGE),
        ("KnowledgeDistillationLossConfig", KNOWLEDGE),
        (KNOWLEDGE, KNOWLEDGE),
        (PyTorchKnowledgeDistillationLoss, KNOWLEDGE),
        ("IntermediateLayersKnowledgeDistillationLoss", INNER),
        (SELF, SELF),
        (["KnowledgeDistillationLoss", INNER()], None),
    ],
    ids=["name", "name of the config", "class", "class of 1.X", "layers", "self", "list"],
)
def test_a_loss_as_a_name_or_a_class(criterion, expected):
    made = DistillationConfig(criterion=criterion).criterion
    assert made == ([KNOWLEDGE(), INNER()] if expected is None else expected())


def test_what_is_no_loss():
    with pytest.raises(ValueError, match="got 'KnowledgeDistilationLoss'; did you mean 'KnowledgeDistillationLoss'"):
        DistillationConfig(criterion="KnowledgeDistilationLoss")
    with pytest.raises(ValueError, match="`criterion` must be one of KnowledgeDistillationLoss, .*, got 'MSELoss'"):
        DistillationConfig(criterion=torch.nn.MSELoss)


@pytest.mark.parametrize("optimizer", ["SGD", torch.optim.SGD, {"SGD": {}}, '{"SGD": {}}'], ids=str)
def test_an_optimizer_as_a_name_or_a_class(optimizer, caplog):
    config = DistillationConfig(optimizer=optimizer)
    assert config.optimizer == {"SGD": {}}
    for _ in range(2):
        config.use()
    assert caplog.messages == ["`optimizer` of the DistillationConfig changes nothing here."]
