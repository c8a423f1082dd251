"""What is pruned."""

import logging

import pytest
import torch
from pruning_trainer import Sentences, arguments, config_of, is_pruned, pruned_layers, trainer_of
from tiny import tiny_model
from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, Trainer

from inc_hf.callbacks.pruning import STATE, PruningCallback
from inc_hf.config import WeightPruningConfig
from inc_hf.training import prepare_compression


class OwnTrainer(Trainer):
    """A subclass with a loss of its own."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        labels = inputs.pop("labels")
        outputs = model(**inputs)
        loss = torch.nn.functional.cross_entropy(outputs.logits, labels, label_smoothing=0.1)
        return (loss, outputs) if return_outputs else loss


@pytest.mark.parametrize("how", ["constructor", "add_callback"])
@pytest.mark.parametrize("cls", [Trainer, OwnTrainer])
def test_a_trainer_prunes(cls, how, tmp_path, caplog):
    trainer, _ = trainer_of(tmp_path, cls=cls, how=how)
    trainer.train()
    assert is_pruned(trainer.model)
    assert "`classifier` is the model's head and stays dense" in caplog.text
    assert STATE not in trainer.optimizer.state


def test_sequences_to_sequences(tmp_path):
    model = tiny_model("t5", decoder_start_token_id=0)
    trainer, _ = trainer_of(
        tmp_path, model=model, cls=Seq2SeqTrainer, make_args=Seq2SeqTrainingArguments,
        train_dataset=Sentences(seq2seq=True), eval_dataset=Sentences(8, seq2seq=True), predict_with_generate=True,
        config=config_of(pattern="2:4"), eval_strategy="steps", eval_steps=6,
    )  # fmt: skip
    trainer.train()
    assert "lm_head" not in pruned_layers(trainer.model)
    assert set(pruned_layers(trainer.model).values()) == {50.0}


@pytest.mark.parametrize("name", ["distilbert", "gpt2", "opt", "bart", "albert", "vit"])
def test_other_architectures(name, tmp_path):
    model = tiny_model(name)
    if name == "vit":
        rows = [{"pixel_values": torch.randn(3, 16, 16), "labels": i % 2} for i in range(8)]
    else:
        rows = [Sentences(8, seq2seq=name in ("gpt2", "opt", "bart"))[i] for i in range(8)]
    trainer, callback = trainer_of(
        tmp_path, model=model, train_dataset=rows, config=config_of(end_step=4), max_steps=5
    )
    trainer.train()
    (pruner,) = callback.pruners
    assert pruner.sparsity() == pytest.approx(0.5, abs=0.01)
    assert set(pruned_layers(model)) <= {target.name for target in pruner.targets}


@pytest.mark.parametrize("local", [{"pruning_type": kind} for kind in ("magnitude", "gradient", "snip", "block_mask")]
    + [{"pruning_type": f"{kind}_progressive", "end_step": 10} for kind in ("magnitude", "gradient", "snip")]
    + [{"pruning_type": "snip_momentum_progressive", "end_step": -1, "low_memory_usage": True}]
    + [{"pattern": "1xchannel"}, {"pattern": "1x1", "pruning_scope": "local"}, {"reg_type": "group_lasso"}],
    ids=lambda local: "-".join(map(str, local.values())))  # fmt: skip
def test_settings(local, tmp_path):
    trainer, callback = trainer_of(tmp_path, config=config_of(pruning_configs=[local]))
    trainer.train()
    (pruner,) = callback.pruners
    assert pruner.sparsity() == pytest.approx(0.5, abs=0.01)
    for part in pruner.parts():
        gone = ~part.expand(pruner.masks[part.name])
        assert gone.any() or part.module.weight.numel() == 256
        assert (part.module.weight[gone] == 0).all()


def test_attention_heads(tmp_path):
    trainer, _ = trainer_of(tmp_path, config=config_of(pattern="mha"))
    trainer.train()
    assert len(pruned_layers(trainer.model)) == 4
    assert set(pruned_layers(trainer.model).values()) == {50.0}


def test_several_configs(tmp_path):
    locals_ = [{"op_names": ["attention"], "pattern": "2:4"}, {"op_names": ["pooler"], "target_sparsity": 0.25}]
    trainer, _ = trainer_of(tmp_path, config=config_of(pruning_configs=locals_))
    trainer.train()
    sparsity = pruned_layers(trainer.model)
    assert sparsity.pop("bert.pooler.dense") == 25
    assert len(sparsity) == 4 and set(sparsity.values()) == {50}


def test_what_is_no_config():
    with pytest.raises(TypeError, match="must be a WeightPruningConfig, got dict"):
        PruningCallback({"target_sparsity": 0.5})
    assert PruningCallback().config == WeightPruningConfig()
    assert "target_sparsity=0.5" in repr(PruningCallback(config_of()))


def test_info_tells_what_is_pruned(tmp_path, caplog):
    caplog.set_level(logging.INFO, logger="inc_hf")
    trainer_of(tmp_path)[0].train()
    assert "Pruning 7 layers: Schedule(start=2, end=8" in caplog.text
    assert "Pruned 7 layers: 50.00% of their weights are zero (4x1), and 49.32% of all Linear and Conv" in caplog.text


def test_the_arguments_of_these_tests_write_nothing(tmp_path):
    assert arguments(tmp_path)["report_to"] == []


@pytest.mark.parametrize("warmup", [0, 4, 0.2])
def test_the_defaults_prune_over_the_run_after_the_warm_up(warmup, tmp_path, caplog):
    config = WeightPruningConfig(target_sparsity=0.5)
    trainer, callback = trainer_of(tmp_path, config=config, max_steps=20, warmup_steps=warmup)
    trainer.train()
    (pruner,) = callback.pruners
    assert (pruner.schedule.start, pruner.schedule.end) == ((4, 14) if warmup else (0, 12))
    assert pruner.sparsity() == pytest.approx(0.5, abs=0.01)
    assert "50 % zeros in 20 steps will cost accuracy: train for about 600 steps" in caplog.text


def test_the_defaults_in_a_hand_written_loop(caplog):
    """They hang on its length; without that, all is pruned as soon as there are gradients."""
    model, config = tiny_model("bert"), WeightPruningConfig(target_sparsity=0.5)
    (pruner,) = prepare_compression(model, config).callbacks_list[0].callback.pruners
    assert (pruner.schedule.start, pruner.schedule.end, pruner.schedule.frequency) == (1, 1, 1)
    assert caplog.text.count("to prune little by little pass `max_steps`") == 1
    (pruner,) = prepare_compression(model, config, max_steps=10).callbacks_list[0].callback.pruners
    assert (pruner.schedule.start, pruner.schedule.end, pruner.schedule.frequency) == (0, 6, 1)
