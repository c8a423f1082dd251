"""Pruning that is refused, before the first step."""

import pytest
from pruning_trainer import config_of, is_pruned, same, trainer_of, weights_of

from inc_hf.callbacks.pruning import PruningCallback


def refused(folder, match, **values):
    trainer, callback = trainer_of(folder, **values)
    before = weights_of(trainer.model)
    with pytest.raises(ValueError, match=match):
        trainer.train()
    assert trainer.state.global_step == 0 and same(before, weights_of(trainer.model))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"op_names": ["no_such"]}, "`op_names` 'no_such' matches no layer"),
        ({"end_step": 13}, "training has 12 optimizer steps"),
        ({"end_step": 0, "start_step": 0}, "needs gradients, but the first update is at step 0"),
        ({"pattern": "5x1"}, "No layer can be pruned with the pattern '5x1'"),
        ({"pruning_type": "wanda"}, "'wanda' is not for training; choose one of magnitude"),
        ({"pruning_configs": [{"op_names": ["query"]}, {}]}, "is in `pruning_configs` 0 and 1"),
        ({"pattern": "2:4", "pruning_configs": [{"reg_type": "group_lasso"}]}, "needs blocks"),
    ],
)
def test_configs_that_do_not_fit(settings, match, tmp_path):
    refused(tmp_path, match, config=config_of(**settings))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"target_sparsity": 1.0}, "`target_sparsity` must be .*1"),
        ({"target_sparsity": -0.1}, "`target_sparsity` must be"),
        ({"pattern": "2:4", "target_sparsity": 0.6}, "must be at most 0.5 with the pattern '2:4'"),
        ({"pattern": "4y1"}, "must be NxM, N:M, channelxK, Kxchannel or mha"),
        ({"pruning_type": "snap"}, "snip_momentum.*pattern_lock"),
        ({"pruning_scope": "all"}, "global.*local"),
        ({"sparsity_decay_type": "square"}, "exp.*cubic"),
        ({"pruning_configs": [{"criterion_reduce_type": "median"}]}, "mean.*sum.*max"),
    ],
)
def test_configs_that_cannot_be(settings, match):
    with pytest.raises(ValueError, match=match):
        config_of(**settings)


@pytest.mark.parametrize("same_object", [True, False])
def test_added_twice(same_object, tmp_path):
    trainer, callback = trainer_of(tmp_path)
    trainer.add_callback(callback if same_object else PruningCallback(config_of()))
    with pytest.raises(ValueError, match="two PruningCallbacks, or one that was added twice; add one, with all"):
        trainer.train()
    assert trainer.state.global_step == 0
    trainer.remove_callback(PruningCallback)  # the first of them
    trainer.train()
    assert is_pruned(trainer.model)


@pytest.mark.parametrize("name", ["fsdp", "deepspeed"])
@pytest.mark.parametrize("by", ["argument", "launcher"])
def test_weights_in_pieces_are_refused(name, by, tmp_path, monkeypatch):
    trainer, _ = trainer_of(tmp_path)
    if by == "argument":
        monkeypatch.setattr(trainer.args, name, True)
    else:
        monkeypatch.setenv(f"ACCELERATE_USE_{name.upper()}", "true")
        monkeypatch.setattr(trainer, "create_accelerator_and_postprocess", lambda: None)
    with pytest.raises(ValueError, match=f"PruningCallback needs whole weights in every process, and `{name}` splits"):
        trainer.train()


def test_processes_that_do_not_know_each_other(tmp_path, monkeypatch):
    trainer, _ = trainer_of(tmp_path)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(ValueError, match="2 processes were started, .* a model of its own; .* `use_cpu=True`"):
        trainer.train()
