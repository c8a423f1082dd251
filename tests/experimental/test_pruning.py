"""`Pruning`: the YAML of 1.X and the code of 2.X give the same model."""

import pytest
import torch
from experimenting import BATCHES, LOADER, accuracy, conf_of, loop, loop_of_2x, net, same
from torch import nn

from inc_hf.config import QuantizationAwareTrainingConfig, WeightPruningConfig
from inc_hf.experimental import Component, Pruning, common
from inc_hf.prune import get_sparsity_ratio
from inc_hf.results.compressed import CompressedModel
from inc_hf.training import prepare_compression

EPOCHS = {"target_sparsity": 0.6, "start_epoch": 0, "end_epoch": 2}
IN_STEPS = WeightPruningConfig(
    target_sparsity=0.6,
    pruning_type="magnitude",
    pattern="1x1",
    start_step=0,
    end_step=8,
    pruning_frequency=4,
    pruning_scope="local",
    sparsity_decay_type="linear_from_start",
)
# `weight_compression_pytorch` counts in steps.
SNIP = {
    "target_sparsity": 0.5,
    "start_step": 1,
    "end_step": 9,
    "prune_type": "snip_momentum",
    "pattern": "tile_pattern_4x1",
    "prune_domain": "local",
    "update_frequency_on_step": 2,
    "pruners": [{"names": ["conv"]}, {"names": ["hidden"], "target_sparsity": 0.7, "prune_type": "snip"}],
}
SNIP_OF_2X = WeightPruningConfig(
    [
        {"op_names": ["conv"], "pruning_type": "snip_momentum", "target_sparsity": 0.5},
        {"op_names": ["hidden"], "pruning_type": "snip", "target_sparsity": 0.7},
    ],
    start_step=1,
    end_step=9,
    pattern="4x1",
    pruning_scope="local",
    pruning_frequency=2,
)


def pruning_of(tmp_path, kind="weight_compression", model=None, train=None, **settings):
    section = {"approach": {kind: settings}} | ({} if train is None else {"train": train})
    prune = Pruning(conf_of(tmp_path, pruning=section))
    prune.model = common.Model(net() if model is None else model)
    return prune


def by_hand(config, epochs=3):
    manager = prepare_compression(net(), config)
    loop_of_2x(manager.model.model, manager, epochs)
    return manager.model.model


def with_loop(prune, epochs=3, calls=None):
    prune.train_func = lambda model: loop(model, prune, epochs, calls)
    return prune


def test_steps(tmp_path):
    prune = with_loop(pruning_of(tmp_path, "weight_compression_pytorch", **SNIP))
    found = prune.fit()
    assert isinstance(found, CompressedModel) and same(found.model, by_hand(SNIP_OF_2X))
    assert found.model is prune.model.model
    assert [pruner.config.pruning_type for pruner in prune.pruners] == ["snip_momentum", "snip"]


SENSITIVITY = {**EPOCHS, "prune_type": "gradient_sensitivity"}
LASSO = {
    **EPOCHS,
    "pruners": [{"prune_type": "group_lasso", "pattern": "tile_pattern_4x1", "parameters": {"alpha": 0.01}}],
}
LASSO_OF_2X = {"pattern": "4x1", "pruning_configs": [{"reg_type": "group_lasso", "parameters": {"reg_coeff": 0.01}}]}
KINDS = {"magnitude": (EPOCHS, {}), "snip": (SENSITIVITY, {"pruning_type": "snip"}), "lasso": (LASSO, LASSO_OF_2X)}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("how", ["train_dataloader", "steps_per_epoch", "nothing"])
def test_epochs(how, kind, tmp_path):
    """Where nobody says how long an epoch is, the hooks do."""
    prune = with_loop(pruning_of(tmp_path, **KINDS[kind][0]), epochs=4)
    if how == "train_dataloader":
        prune.train_dataloader = LOADER * 9  # the loop does not read it all
    elif how == "steps_per_epoch":
        prune.steps_per_epoch = len(BATCHES)
    expected = by_hand(WeightPruningConfig(**{**dict(IN_STEPS), **KINDS[kind][1]}), epochs=4)
    assert same(prune.fit().model, expected)
    assert get_sparsity_ratio([], prune.model.model)[0] > 0.5


def test_the_sparsity_after_each_epoch_is_that_of_1x(tmp_path):
    prune, found = with_loop(pruning_of(tmp_path, **EPOCHS, names=["hidden.weight"]), epochs=4), []
    prune.register_hook("on_epoch_end", lambda: found.append((prune.model.model.hidden.weight == 0).float().mean()))
    prune.fit()
    assert [round(share.item(), 2) for share in found] == [0.2, 0.4, 0.6, 0.6]


def test_the_loop_of_the_documentation(tmp_path):
    """It has no `on_train_begin`, no `on_train_end` and no `on_epoch_end`."""
    names = ("on_epoch_begin", "on_step_begin", "on_before_optimizer_step", "on_step_end")
    prune = with_loop(pruning_of(tmp_path, **EPOCHS), calls=names)
    assert same(prune.fit().model, by_hand(IN_STEPS))


def test_hooks_without_fit(tmp_path):
    model = net()
    prune = pruning_of(tmp_path, "weight_compression_pytorch", model, **SNIP)
    loop(model, prune)
    assert same(model, by_hand(SNIP_OF_2X))


def test_scores(tmp_path):
    prune = with_loop(pruning_of(tmp_path, **EPOCHS))
    prune.eval_func = accuracy
    found = prune()
    assert found.baseline == accuracy(net()) and found.score == accuracy(found.model)
    assert found.met_criterion is (found.score >= found.baseline * 0.99)


TRAIN = {
    "start_epoch": 0,
    "end_epoch": 3,
    "iteration": 3,
    "optimizer": {"SGD": {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}},
    "criterion": {"CrossEntropyLoss": {"reduction": "sum"}},
}


def test_training_from_the_conf(tmp_path):
    prune = pruning_of(tmp_path, train=TRAIN, **EPOCHS)
    prune.train_dataloader = LOADER
    found = prune.fit()
    config = WeightPruningConfig(**{**dict(IN_STEPS), "end_step": 6, "pruning_frequency": 3})
    manager = prepare_compression(net(), config)
    model, criterion = manager.model.model, nn.CrossEntropyLoss(reduction="sum")
    optimizer = torch.optim.SGD(model.parameters(), 0.05, momentum=0.9, nesterov=True, weight_decay=0.01)
    manager.on_train_begin()
    for epoch in range(3):
        model.train()
        manager.on_epoch_begin(epoch)
        for i, (x, y) in enumerate(BATCHES[:3]):
            manager.on_step_begin(i)
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            manager.on_before_optimizer_step()
            optimizer.step()
            manager.on_after_optimizer_step()
            manager.on_step_end()
        manager.on_epoch_end()
    manager.on_train_end()
    assert same(found.model, model)


def test_all_from_the_conf(tmp_path):
    data = {"batch_size": 4, "dataset": {"dummy": {"shape": [16, 3, 8, 8], "low": 0.0, "high": 1.0, "label": True}}}
    prune = pruning_of(tmp_path, train={**TRAIN, "dataloader": data}, **EPOCHS)
    prune.cfg.evaluation.accuracy = {"metric": {"topk": 1}, "dataloader": data}
    found = prune.fit()
    assert found.score is not None and get_sparsity_ratio([], found.model)[0] > 0.5
    again = pruning_of(tmp_path, train={**TRAIN, "dataloader": data}, **EPOCHS).fit()
    assert same(found.model, again.model)


def test_pruning_func(tmp_path):
    prune = pruning_of(tmp_path, **EPOCHS)
    with pytest.warns(DeprecationWarning, match="`pruning_func` is deprecated; use `train_func`"):
        prune.pruning_func = lambda model: loop(model, prune)
    assert same(prune.fit().model, by_hand(IN_STEPS))


def test_a_second_training_begins_anew(tmp_path):
    prune = with_loop(pruning_of(tmp_path, **EPOCHS))
    prune.fit()
    prune.model = net()
    assert same(prune.fit().model, by_hand(IN_STEPS))


def test_epochs_of_which_nobody_tells(tmp_path, caplog):
    with_loop(pruning_of(tmp_path, **EPOCHS), calls=("on_step_begin", "on_step_end")).fit()
    assert "the loop did not say when one begins: call `on_epoch_begin(epoch)`" in caplog.text


def test_another_model_comes_back(tmp_path, caplog):
    prune = pruning_of(tmp_path, **EPOCHS)
    prune.train_func = lambda model: [loop(model, prune), net()][1]
    assert same(prune.fit().model, by_hand(IN_STEPS))
    assert "`train_func` returned another model" in caplog.text


def test_after_an_error_nothing_listens(tmp_path):
    model = net()
    prune = pruning_of(tmp_path, model=model, **EPOCHS)
    prune.train_func = lambda model: [prune.on_train_begin(), 1 / 0]
    with pytest.raises(ZeroDivisionError):
        prune.fit()
    assert not model._forward_pre_hooks
    with_loop(prune)
    assert same(prune.fit().model, by_hand(IN_STEPS))


def test_the_base_class_does_what_the_conf_asks_for(tmp_path):
    sections = {
        "pruning": {"approach": {"weight_compression_pytorch": SNIP}},
        "quantization": {"approach": "quant_aware_training"},
    }
    component = Component(conf_of(tmp_path, **sections))
    component.model = net()
    component.train_func = lambda model: loop(model, component)
    assert same(component.fit().model, by_hand([SNIP_OF_2X, QuantizationAwareTrainingConfig()]))


def test_refused(tmp_path):
    with pytest.raises(ValueError, match="Pruning has no model"):
        Pruning().fit()
    prune = pruning_of(tmp_path, train=TRAIN, **EPOCHS)
    with pytest.raises(ValueError, match="Pruning has nothing to train on: set `train_dataloader`, or `pruning.train"):
        prune.fit()
    prune.steps_per_epoch, prune.train_func = 0, print
    with pytest.raises(ValueError, match="steps_per_epoch"):
        prune.fit()
    with pytest.raises(ValueError, match="Pruning does not know how to train"):
        pruning_of(tmp_path, **EPOCHS).fit()
    assert not prune.model.model._forward_pre_hooks
