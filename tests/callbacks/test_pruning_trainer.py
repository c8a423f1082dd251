"""Pruning among the other settings of the Trainer, in its logs, and its choice of the best model."""

import sys
from types import SimpleNamespace

import pytest
import torch
from pruning_trainer import Keep, Recorder, Sentences, config_of, is_pruned, same, trainer_of
from tiny import tiny_model
from torch.utils.data import IterableDataset
from transformers import AutoModelForSequenceClassification, EarlyStoppingCallback, TrainerCallback
from transformers.integrations import TensorBoardCallback, integration_utils

from inc_hf.callbacks.pruning import PruningCallback
from inc_hf.prune import report_sparsity

FREE_OF_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def masks_after(folder, plain_loss=True, **values):
    """Masks at the end of every step."""
    model = tiny_model("bert", **FREE_OF_DROPOUT)
    if plain_loss:  # otherwise that of BERT grows with the number of accumulated batches
        model.accepts_loss_kwargs = False
    trainer, callback = trainer_of(folder, model=model, **values)
    keep = Keep(callback)
    trainer.add_callback(keep)
    trainer.train()
    return {step: state[0]["masks"] for step, state in keep.states.items()}


def test_accumulated_batches_give_the_masks_of_one(tmp_path):
    one = masks_after(tmp_path, per_device_train_batch_size=8)
    four = masks_after(tmp_path, per_device_train_batch_size=2, gradient_accumulation_steps=4)
    assert len(one) == 12 and one[12] and same(one, four)


def test_scores_do_not_mind_how_large_the_loss_is(tmp_path):
    """That of a stock BERT grows with the number of accumulated batches, and clipping would make a difference."""
    one = masks_after(tmp_path, False, per_device_train_batch_size=8, max_grad_norm=0)
    four = masks_after(tmp_path, False, per_device_train_batch_size=2, gradient_accumulation_steps=4, max_grad_norm=0)
    assert same(one, four)


REALITY = {
    "clipping": {"max_grad_norm": 0.1},
    "no clipping": {"max_grad_norm": 0.0},
    "bf16": {"bf16": True},
    "checkpointing": {"activation_checkpointing": True},
    "last partial window": {"gradient_accumulation_steps": 3, "num_train_epochs": 4, "max_steps": -1},
}


@pytest.mark.parametrize("values", REALITY.values(), ids=REALITY)
def test_reality(values, tmp_path):
    trainer, _ = trainer_of(tmp_path, **values)
    trainer.train()
    assert is_pruned(trainer.model)


def test_recomputed_activations_change_no_mask(tmp_path):
    assert same(masks_after(tmp_path), masks_after(tmp_path, activation_checkpointing=True))


def test_compiled(tmp_path):
    torch.compiler.reset()
    plain = masks_after(tmp_path)
    assert same(plain, masks_after(tmp_path, torch_compile=True, torch_compile_backend="aot_eager"))


def test_a_batch_that_is_left_over_opens_a_step_twice(tmp_path):
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([Sentences()[i] for i in range(20)])  # 5 batches: 2 windows of 2, and 1 left over

    trainer, _ = trainer_of(tmp_path, train_dataset=Stream(), gradient_accumulation_steps=2)
    trainer.train()
    assert trainer.state.global_step == 12 and is_pruned(trainer.model)


# Logs


def test_the_logs_tell_the_sparsity(tmp_path, capsys):
    first = Recorder()
    trainer, _ = trainer_of(tmp_path, before=[first])
    last = Recorder()
    trainer.add_callback(last)
    trainer.train()
    history = [row["pruning/sparsity"] for row in trainer.state.log_history if "loss" in row]
    assert history == sorted(history) and history[0] == 0 and history[-1] == pytest.approx(0.493, abs=0.001)
    for recorder in (first, last):
        assert [row["pruning/sparsity"] for row in recorder.logs if "loss" in row] == history
    assert "'pruning/sparsity': '0.4932'" in capsys.readouterr().out  # of the PrinterCallback
    _, total = report_sparsity(trainer.model)
    assert history[-1] == pytest.approx(total / 100, abs=1e-6)


def test_the_progress_bar_tells_it(tmp_path, capsys):
    trainer, _ = trainer_of(tmp_path, disable_tqdm=False)
    trainer.train()
    assert "'pruning/sparsity': '0.4932'" in "".join(capsys.readouterr())


def test_tensorboard_tells_it(tmp_path, monkeypatch):
    class Writer:
        scalars = {}

        def add_scalar(self, name, value, step):
            self.scalars[name, step] = value

        def __getattr__(self, name):
            return lambda *args, **kwargs: None

    monkeypatch.setattr(integration_utils, "is_tensorboard_available", lambda: True)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=None))
    trainer, _ = trainer_of(tmp_path, before=[TensorBoardCallback(Writer())])
    trainer.train()
    assert Writer.scalars["train/pruning/sparsity", 12] == pytest.approx(0.4932, abs=1e-3)


def test_a_subclass_is_logged_as_well(tmp_path):
    class Own(PruningCallback):
        def on_train_begin(self, *args, **kwargs):
            super().on_train_begin(*args, **kwargs)

    first = Recorder()
    trainer, callback = trainer_of(tmp_path, before=[first])
    trainer.remove_callback(callback)
    trainer.add_callback(Own(config_of()))
    trainer.train()
    assert all("pruning/sparsity" in row for row in first.logs if "loss" in row)


def test_called_by_another_callback(tmp_path):
    """As when nobody's list has it in it."""

    class Outer(TrainerCallback):
        inner = PruningCallback(config_of())

        def __getattribute__(self, name):
            return getattr(Outer.inner, name) if name.startswith("on_") else super().__getattribute__(name)

    trainer, callback = trainer_of(tmp_path)
    trainer.remove_callback(callback)
    trainer.add_callback(Outer())
    trainer.train()
    assert is_pruned(trainer.model)


# The best model


@pytest.mark.parametrize("local", [{}, {"pruning_type": "snip_momentum_progressive", "pruning_frequency": 3}])
@pytest.mark.parametrize("limit", [None, 1])
def test_a_dense_model_is_not_the_best(local, limit, tmp_path):
    """The metric gets worse with every evaluation: among sparse models, the first is the best."""
    trainer, callback = trainer_of(
        tmp_path, config=config_of(pruning_configs=[local]), eval_dataset=Sentences(4), eval_strategy="steps",
        eval_steps=1, save_strategy="steps", save_steps=1, load_best_model_at_end=True, save_total_limit=limit,
        metric_for_best_model="worse", greater_is_better=True,
    )  # fmt: skip
    trainer.compute_metrics = lambda _: {"worse": -trainer.state.global_step}
    trainer.train()
    done = callback.pruners[0].last_change + 1
    assert done == (9 if not local else 11)
    assert trainer.state.best_global_step == done
    assert trainer.state.best_model_checkpoint.endswith(f"checkpoint-{done}")
    assert is_pruned(trainer.model)
    assert is_pruned(AutoModelForSequenceClassification.from_pretrained(trainer.state.best_model_checkpoint))


def test_resumed_after_the_last_update_the_best_is_still_known(tmp_path):
    values = {"eval_dataset": Sentences(4), "eval_strategy": "steps", "eval_steps": 5, "save_strategy": "steps"}
    values |= {"save_steps": 5, "load_best_model_at_end": True, "metric_for_best_model": "worse", "max_steps": 20}
    for resume in (None, str(tmp_path / "checkpoint-15")):
        trainer, _ = trainer_of(tmp_path, greater_is_better=True, **values)
        trainer.compute_metrics = lambda _, trainer=trainer: {"worse": -trainer.state.global_step}
        trainer.train(resume_from_checkpoint=resume)
        assert trainer.state.best_global_step == 10


def zeros_of(model):
    return {
        name: int((w == 0).sum()) for name, w in model.named_parameters() if w.ndim == 2 and "embeddings" not in name
    }


def test_what_stopped_early_is_the_best_model_as_it_was(tmp_path, caplog):
    """Not that of the best step with the masks of the last one, which nobody has evaluated."""
    trainer, _ = trainer_of(
        tmp_path, eval_dataset=Sentences(4), eval_strategy="steps", before=[EarlyStoppingCallback(2)],
        eval_steps=1, save_strategy="steps", save_steps=1, load_best_model_at_end=True,
        metric_for_best_model="worse", greater_is_better=True, max_steps=12,
    )  # fmt: skip
    trainer.compute_metrics = lambda _: {"worse": -abs(trainer.state.global_step - 5)}
    with caplog.at_level("WARNING", "inc_hf"):
        trainer.train()
    assert trainer.state.global_step == 7 and trainer.state.best_global_step == 5
    best = AutoModelForSequenceClassification.from_pretrained(trainer.state.best_model_checkpoint)
    assert zeros_of(trainer.model) == zeros_of(best)
    assert "they are all there after step 9" in caplog.text
    assert "target_sparsity` is not reached. The model is that of step 5, the best one" in caplog.text
