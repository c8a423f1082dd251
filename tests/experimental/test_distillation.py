"""`Distillation`: the YAML of 1.X and the code of 2.X give the same model; with an evaluation, the best epoch."""

import pytest
import torch
from experimenting import BATCHES, LOADER, conf_of, loop, loop_of_2x, net, same
from torch import nn

from inc_hf.config import (
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    SelfKnowledgeDistillationLossConfig,
)
from inc_hf.experimental import Distillation, common
from inc_hf.experimental.common.criterion import (
    PyTorchIntermediateLayersKnowledgeDistillationLoss,
    PyTorchKnowledgeDistillationLoss,
)
from inc_hf.training import prepare_compression

KD = {"temperature": 2.0, "loss_types": ["CE", "KL"], "loss_weights": [0.3, 0.7]}
KD_OF_2X = KnowledgeDistillationLossConfig(**KD)
LAYERS = {"layer_mappings": [["conv", "conv"], ["hidden", "", "hidden", ""]], "add_origin_loss": True}
LAYERS_OF_2X = IntermediateLayersKnowledgeDistillationLossConfig(
    [[["conv"], ["conv"]], [["hidden"], ["hidden"]]], add_origin_loss=True
)


def distiller_of(tmp_path, criterion=None, **train):
    section = {"train": {**train, **({} if criterion is None else {"criterion": criterion})}}
    distiller = Distillation(conf_of(tmp_path, distillation=section))
    distiller.student_model, distiller.teacher_model = common.Model(net()), net(2)
    distiller.train_func = lambda model: loop(model, distiller)
    return distiller


def by_hand(loss, epochs=3, teacher=2):
    manager = prepare_compression(net(), DistillationConfig(net(teacher), loss))
    loop_of_2x(manager.model.model, manager, epochs)
    return manager.model.model


@pytest.mark.parametrize(
    "criterion, expected",
    [
        ({"KnowledgeDistillationLoss": KD}, KD_OF_2X),
        ({"IntermediateLayersKnowledgeDistillationLoss": LAYERS}, LAYERS_OF_2X),
        (None, KnowledgeDistillationLossConfig(loss_types=["CE", "KL"])),
    ],
    ids=["logits", "layers", "nothing"],
)
def test_the_same_bits_as_2x(criterion, expected, tmp_path):
    found = distiller_of(tmp_path, criterion).fit()
    assert same(found.model, by_hand(expected)) and not same(found.model, net())


@pytest.mark.parametrize(
    "loss, expected",
    [
        (PyTorchKnowledgeDistillationLoss(**KD), KD_OF_2X),
        (PyTorchIntermediateLayersKnowledgeDistillationLoss(**LAYERS), LAYERS_OF_2X),
        (KD_OF_2X, KD_OF_2X),
    ],
    ids=["logits", "layers", "2.X"],
)
def test_a_criterion_that_is_set(loss, expected, tmp_path):
    distiller = distiller_of(tmp_path)
    distiller.criterion = loss
    assert same(distiller.fit().model, by_hand(expected))


def test_a_function_picks_the_feature(tmp_path):
    distiller = distiller_of(tmp_path, {"IntermediateLayersKnowledgeDistillationLoss": LAYERS})
    losses = distiller.cfg.distillation.train.criterion.IntermediateLayersKnowledgeDistillationLoss
    pick = lambda x: x[:, :2]  # noqa: E731
    losses.layer_mappings[1][1] = losses.layer_mappings[1][-1] = pick
    expected = IntermediateLayersKnowledgeDistillationLossConfig(
        [[["conv"], ["conv"]], [["hidden", pick], ["hidden", pick]]], add_origin_loss=True
    )
    assert same(distiller.fit().model, by_hand(expected))


class Deep(nn.Module):
    """Outputs of two depths, as self-distillation takes them."""

    def __init__(self):
        super().__init__()
        self.body, self.early, self.late = nn.Linear(8, 8), nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x):
        hidden = self.body(x.flatten(2).mean(1)[:, :8]).relu()
        return {"early": self.early(x.flatten(2).mean(1)[:, :8]), "late": self.late(hidden)}


def deep():
    torch.manual_seed(3)
    return Deep()


def self_loop(model, hooks):
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    hooks.on_train_begin()
    for epoch in range(2):
        model.train()
        hooks.on_epoch_begin(epoch)
        for i, (x, y) in enumerate(BATCHES):
            hooks.on_step_begin(i)
            outputs = model(x)
            loss = nn.functional.cross_entropy(outputs["late"], y)
            loss = hooks.on_after_compute_loss(x, outputs, loss)
            optimizer.zero_grad()
            loss.backward()
            hooks.on_before_optimizer_step()
            optimizer.step()
            hooks.on_step_end()
        hooks.on_epoch_end()
    hooks.on_train_end()


def test_self_distillation(tmp_path):
    settings = {"layer_mappings": [[["early", "late"]]], "loss_types": ["CE"], "add_origin_loss": True}
    section = {"train": {"criterion": {"SelfKnowledgeDistillationLoss": settings}}}
    distiller = Distillation(conf_of(tmp_path, distillation=section))
    distiller.student_model = deep()
    distiller.train_func = lambda model: self_loop(model, distiller)
    found = distiller.fit()
    manager = prepare_compression(
        deep(), DistillationConfig(criterion=SelfKnowledgeDistillationLossConfig(**settings))
    )
    self_loop(manager.model.model, manager)
    assert same(found.model, manager.model.model) and not same(found.model, deep())


def test_logits_of_the_teacher_in_the_batch(tmp_path):
    teacher = net(2).eval()

    def train(model, hooks):
        optimizer = torch.optim.SGD(model.parameters(), 0.05)
        hooks.on_train_begin()
        model.train()
        for x, y in BATCHES:
            with torch.no_grad():
                logits = teacher(x)
            output = model(x)
            loss = hooks.on_after_compute_loss({"x": x}, output, nn.functional.cross_entropy(output, y), logits)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        hooks.on_epoch_end()

    with_teacher, without = distiller_of(tmp_path), distiller_of(tmp_path)
    without._teacher = None
    for distiller in (with_teacher, without):
        distiller.train_func = lambda model, hooks=distiller: train(model, hooks)
    assert same(with_teacher.fit().model, without.fit().model)


class Scores:
    """Gives the scores of a list, and keeps a copy of the weights at each."""

    def __init__(self, *scores):
        self.scores, self.models = list(scores), []

    def __call__(self, model):
        self.models.append({name: value.clone() for name, value in model.state_dict().items()})
        return self.scores[len(self.models) - 1]


@pytest.mark.parametrize(
    "scores, best",
    [
        ((0.1, 0.5, 0.9, 0.7, 0.9), 2),
        ((0.1, 0.2, 0.3, 0.4, 0.4), 3),
        ((1, 1, 1, 1, 1), 3),
        ((0.9, 0.5, 0.6, 0.4, 0.6), 2),
    ],
    ids=["in the middle", "last", "all alike", "none better than before"],
)
def test_the_best_epoch(scores, best, tmp_path):
    distiller, evaluate = distiller_of(tmp_path), Scores(*scores)  # before training, after each epoch, at the end
    distiller.eval_func = evaluate
    found = distiller.fit()
    assert all(torch.equal(value, evaluate.models[best][name]) for name, value in found.model.state_dict().items())
    assert (distiller.best_score, distiller._epoch_runned) == (scores[best], 3)
    assert found.score == scores[4]


def test_lower_is_better_where_the_conf_says_so(tmp_path):
    distiller, evaluate = distiller_of(tmp_path), Scores(0.9, 0.5, 0.2, 0.7, 0.2)
    distiller.cfg.tuning.accuracy_criterion.higher_is_better = False
    distiller.eval_func = evaluate
    found = distiller.fit()
    assert all(torch.equal(value, evaluate.models[2][name]) for name, value in found.model.state_dict().items())


@pytest.mark.parametrize("own", [False, True], ids=["conf", "train_func"])
def test_who_reads_the_optimizer_of_the_conf(own, tmp_path, caplog):
    """It decides the training of the conf; that of a `train_func` has another."""
    moved = []
    for rate in (0.0, 0.5):
        distiller = distiller_of(
            tmp_path, {"KnowledgeDistillationLoss": KD}, optimizer={"SGD": {"learning_rate": rate}}
        )
        distiller.train_dataloader = LOADER
        if not own:
            distiller.train_func = None
        moved.append(not same(distiller.fit().model, net()))
    assert moved == [own, True] and "DistillationConfig" not in caplog.text
    said = "`distillation.train.optimizer` of the conf is not read: `train_func` is set, and has its own."
    assert caplog.text.count(said) == (2 if own else 0)


def test_training_from_the_conf(tmp_path):
    """The loop of the conf clears gradients before `backward`, as that of the tests."""
    distiller = distiller_of(
        tmp_path,
        {"KnowledgeDistillationLoss": KD},
        end_epoch=3,
        optimizer={"SGD": {"learning_rate": 0.05, "momentum": 0.9}},
    )
    distiller.train_func, distiller.train_dataloader = None, LOADER
    assert same(distiller.fit().model, by_hand(KD_OF_2X))


def test_the_loops_own_optimizer_and_criterion(tmp_path):
    distiller = distiller_of(tmp_path, {"KnowledgeDistillationLoss": KD}, end_epoch=3)
    distiller.train_func, distiller.train_dataloader = None, LOADER
    distiller.optimizer = torch.optim.SGD(distiller.student_model.model.parameters(), 0.05, momentum=0.9)
    distiller.criterion = PyTorchKnowledgeDistillationLoss(**KD)
    assert same(distiller.fit().model, by_hand(KD_OF_2X))


def test_refused(tmp_path):
    distiller = distiller_of(tmp_path)
    distiller.optimizer = "SGD"
    with pytest.raises(ValueError, match="`optimizer` must be a torch.optim.Optimizer"):
        distiller.fit()
    distiller = distiller_of(tmp_path)
    distiller._teacher = None
    with pytest.raises(ValueError, match="teacher"):
        distiller.fit()
    with pytest.raises(ValueError, match="Distillation has no model: set `.student_model`"):
        Distillation().fit()
