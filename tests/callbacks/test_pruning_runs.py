"""Where runs that prune begin and end."""

import gc
import weakref

import pytest
from pruning_trainer import LAYERS, StopAt, config_of, is_pruned, same, trainer_of, weights_of
from tiny import tiny_model
from transformers import TrainerCallback


def test_trained_twice_by_the_same_trainer(tmp_path):
    trainer, _ = trainer_of(tmp_path)
    trainer.train()
    trainer.train()
    assert is_pruned(trainer.model)


def test_model_init(tmp_path):
    trainer, callback = trainer_of(tmp_path, model_init=lambda: tiny_model("bert"))
    trainer.train()
    first = trainer.model
    trainer.train()
    assert trainer.model is not first and is_pruned(trainer.model)
    assert callback.pruners[0].targets[0].parts[0].module in set(trainer.model.modules())


def test_a_smaller_batch_after_running_out_of_memory(tmp_path):
    class Full(TrainerCallback):
        begun = 0

        def on_train_begin(self, args, state, control, **kwargs):
            self.begun += 1

        def on_pre_optimizer_step(self, args, state, control, **kwargs):
            if self.begun == 1 and state.global_step == 6:
                raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    full = Full()
    trainer, callback = trainer_of(tmp_path, before=[full], auto_find_batch_size=True)
    trainer.train()
    assert full.begun == 2 and is_pruned(trainer.model)
    assert callback.pruners[0].schedule.last_step == 8


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("anything")], ids=["interrupt", "error"])
@pytest.mark.parametrize("keep_trainer", [True, False])
def test_after_an_error_a_new_trainer_begins_anew(error, keep_trainer, tmp_path):
    model = tiny_model("bert")
    trainer, callback = trainer_of(tmp_path, model=model, before=[StopAt(6, error)])
    with pytest.raises(type(error)):
        trainer.train()
    if not keep_trainer:
        del trainer
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.modules())
    model.load_state_dict(tiny_model("bert").state_dict())
    again, _ = trainer_of(tmp_path, model=model)
    again.train()
    fresh, _ = trainer_of(tmp_path)
    fresh.train()
    assert is_pruned(model) and same(weights_of(model), weights_of(fresh.model))


def test_after_an_error_the_same_trainer_begins_anew(tmp_path):
    stop = StopAt(6, RuntimeError("anything"))
    trainer, _ = trainer_of(tmp_path, before=[stop])
    with pytest.raises(RuntimeError, match="anything"):
        trainer.train()
    stop.step = None
    trainer.train()
    assert is_pruned(trainer.model)


def test_nothing_keeps_a_model_alive(tmp_path):
    model = tiny_model("bert")
    trainer, callback = trainer_of(tmp_path, model=model, before=[StopAt(6, RuntimeError())])
    with pytest.raises(RuntimeError):
        trainer.train()
    alive = weakref.ref(model)
    del model, trainer, callback
    gc.collect()
    assert alive() is None


@pytest.mark.parametrize("coefficient", [0.001, 0.3], ids=["small", "too large"])
@pytest.mark.parametrize("end", [8, 12], ids=["before the end", "at the end"])
def test_a_group_lasso_that_makes_more_zeros_than_the_target(end, coefficient, tmp_path, caplog):
    """Said when it ends: the weights that it made zero may grow again, and know nothing any more."""
    lasso = {"reg_type": "group_lasso", "parameters": {"reg_coeff": coefficient}}
    trainer, _ = trainer_of(tmp_path, config_of(end_step=end - 1, pruning_configs=[{"op_names": [LAYERS], **lasso}]))
    trainer.train()
    said = (
        "100 % of the pruned layers' weights are zero, where `target_sparsity` is 50 %: `reg_coeff` 0.3 is too large"
    )
    assert caplog.text.count(said) == (coefficient > 0.01)
    assert "`reg_coeff` 0.001" not in caplog.text


def test_stopped_early(tmp_path, caplog):
    class Stop(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            control.should_training_stop = state.global_step == 5

    trainer, _ = trainer_of(tmp_path, before=[Stop()])
    trainer.train()
    assert "Training ended before the last update of the masks" in caplog.text
