"""Hand-written loops: INC's hooks against the Trainer, what users of INC look at, and the order of calls."""

import copy

import pytest
import torch
from distilling import kd
from pruning_trainer import LAYERS, Sentences, arguments, config_of
from tiny import TinyNet, logits_of, tiny_model
from torch import nn
from torch.utils.data import DataLoader, default_collate
from transformers import AutoModelForSequenceClassification, Trainer, TrainingArguments

from inc_hf import IncModelForSequenceClassification
from inc_hf.callbacks import DistillationCallback, PruningCallback, QuantizationAwareTrainingCallback
from inc_hf.config import (
    AccuracyCriterion,
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    QuantizationAwareTrainingConfig,
    TuningCriterion,
    WeightPruningConfig,
)
from inc_hf.prune import get_sparsity_ratio
from inc_hf.quantize.nn import quantized_modules
from inc_hf.training import CompressionManager, fit, prepare_compression

STEPS = 12
BATCHES = [default_collate([Sentences()[i] for i in range(start, start + 4)]) for start in range(0, 32, 4)]
INNER = IntermediateLayersKnowledgeDistillationLossConfig(
    layer_mappings=[[("bert.encoder.layer.0",)]], add_origin_loss=True
)


def without_dropout():
    return tiny_model("bert", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def confs_of(*kinds):
    """A wider teacher, so that there is a projection to train."""
    teacher = tiny_model("bert", hidden_size=32)
    every = {
        "prune": config_of(op_names=[LAYERS]),
        "distil": DistillationConfig(teacher, [kd(), INNER]),
        "qat": QuantizationAwareTrainingConfig(),
    }
    return [every[kind] for kind in kinds]


def train(manager, model, accumulation=1, optimizer=None, steps=STEPS):
    """The loop that INC's documentation shows, with gradient accumulation."""
    optimizer = optimizer or torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=0.0)
    model.train()
    manager.callbacks.on_train_begin(optimizer=optimizer)
    manager.callbacks.on_epoch_begin(0)
    for i in range(steps * accumulation):
        batch = BATCHES[i % len(BATCHES)]
        manager.callbacks.on_step_begin(i)
        outputs = model(**batch)
        loss = manager.callbacks.on_after_compute_loss(batch, outputs, outputs.loss)
        (loss / accumulation).backward()
        if (i + 1) % accumulation == 0:
            manager.callbacks.on_before_optimizer_step()
            optimizer.step()
            manager.callbacks.on_after_optimizer_step()
            optimizer.zero_grad()
        manager.callbacks.on_step_end()
    manager.on_before_eval()
    manager.on_after_eval()
    manager.callbacks.on_epoch_end()
    manager.callbacks.on_train_end()


class InOrder(Trainer):
    def get_train_dataloader(self):
        return DataLoader(self.train_dataset, batch_size=4)


@pytest.mark.parametrize(
    "kinds",
    [("prune",), ("distil",), ("qat",), ("prune", "distil"), ("distil", "prune", "qat"), ("qat", "distil", "prune")],
    ids="-".join,
)
def test_the_same_bits_as_with_the_trainer(kinds, tmp_path):
    model = without_dropout()
    values = {"max_grad_norm": 0, "lr_scheduler_type": "constant", "optim": "adamw_torch", "max_steps": STEPS}
    kind_of = {
        WeightPruningConfig: PruningCallback,
        DistillationConfig: DistillationCallback,
        QuantizationAwareTrainingConfig: QuantizationAwareTrainingCallback,
    }
    callbacks = [kind_of[type(conf)](conf) for conf in confs_of(*kinds)]
    args = TrainingArguments(**arguments(tmp_path, **values))
    InOrder(model, args, train_dataset=Sentences(), callbacks=callbacks).train()
    manager = prepare_compression(without_dropout(), confs_of(*kinds), max_steps=STEPS)
    train(manager, manager.model)
    expected = model.state_dict()
    found = manager.model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in found.items())


def test_accumulated_batches_are_one_step():
    manager = prepare_compression(without_dropout(), confs_of("prune"))
    events = []
    callback = manager.callbacks_list[0].callback
    original = callback.on_step_begin
    callback.on_step_begin = lambda args, state, *a, **k: (
        events.append(state.global_step),
        original(args, state, *a, **k),
    )
    train(manager, manager.model, accumulation=2)
    assert events == list(range(STEPS))
    assert get_sparsity_ratio([], manager.model.model)[0] > 0.4


def test_without_distillation_the_loss_is_the_same_object():
    manager = prepare_compression(tiny_model("bert"), confs_of("prune")[0])
    manager.on_train_begin()
    loss = torch.tensor(1.0)
    assert manager.on_after_compute_loss({}, {}, loss) is loss


def test_what_users_of_inc_look_at():
    manager = prepare_compression(tiny_model("bert"), confs_of("qat", "prune", "distil"))
    entries = manager.callbacks.callbacks_list
    assert [repr(entry) for entry in entries] == [
        "Quantization Aware Training Callbacks",
        "Pruning Callbacks",
        "Distillation Callbacks",
    ]
    config = entries[1].pruners[0].config
    assert config["pattern"] == config.pattern == "4x1" and config["target_sparsity"] == 0.5
    assert repr(manager).startswith("CompressionManager(BertForSequenceClassification, [Quantization")
    model = manager.model
    assert model.model is manager.raw_model and model.config is manager.raw_model.config
    assert model.state_dict().keys() == manager.raw_model.state_dict().keys()
    with pytest.raises(AttributeError):
        manager.model = model
    assert prepare_compression(model, confs_of("prune")[0]).raw_model is manager.raw_model


def test_a_model_with_tensors_for_outputs():
    """As in INC's examples of vision: the loss is computed outside of the model."""
    torch.manual_seed(0)
    student, teacher = nn.Sequential(TinyNet()), TinyNet()
    manager = prepare_compression(student, DistillationConfig(teacher, kd(temperature=1.0, weights=(0.25, 0.75))))
    manager.on_train_begin()
    x, y = torch.randn(5, 4), torch.tensor([0, 1, 1, 0, 1])
    outputs = manager.model(x)
    task = nn.functional.cross_entropy(outputs, y)
    with torch.no_grad():
        target = teacher(x).softmax(-1)
    by_hand = 0.25 * task + 0.75 * nn.functional.kl_div(outputs.log_softmax(-1), target, reduction="batchmean")
    loss = manager.on_after_compute_loss(x, outputs, task)
    torch.testing.assert_close(loss, by_hand)
    manager.model(x)
    given = manager.on_after_compute_loss(x, outputs, task, teacher_output=teacher(x))
    torch.testing.assert_close(given, by_hand)


def test_fit_saves_and_loads(tmp_path):
    manager = prepare_compression(tiny_model("bert"), confs_of("prune", "qat"))
    model = fit(manager, lambda model: train(manager, model), eval_func=lambda model: float(logits_of(model).mean()))
    assert model is manager.model and quantized_modules(model)
    assert model.met_criterion in (True, False) and model.score != model.baseline
    model.save(tmp_path / "out")
    assert "in integers (" in (tmp_path / "out" / "README.md").read_text()
    loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "out")
    assert torch.equal(logits_of(loaded), logits_of(model.model.eval()))


def test_fit_evaluates_without_gradients_and_in_evaluation_mode():
    seen = []

    def evaluate(model):
        seen.append((torch.is_grad_enabled(), model.training, next(model.parameters()).requires_grad))
        return {"accuracy": 0.5, "f1": 0.25}

    manager = prepare_compression(tiny_model("bert").train(), confs_of("prune"))
    model = fit(manager, lambda model: train(manager, model), evaluate, metric_name="f1")
    assert seen == [(False, False, True)] * 2
    assert (model.baseline, model.score) == (0.25, 0.25)
    assert model.training, "as the loop left it"
    with pytest.raises(ValueError, match='name the one that counts with `metric_name`, e.g. metric_name="accuracy"'):
        fit(manager, lambda model: None, evaluate)


def test_fit_keeps_to_the_accuracy_criterion():
    goal, one = AccuracyCriterion(tolerable_loss=0.5), TuningCriterion(max_trials=1)
    conf = QuantizationAwareTrainingConfig(accuracy_criterion=goal, tuning_criterion=one)
    scores = iter([1.0, 0.6, 1.0, 0.4])
    for met in (True, False):
        manager = prepare_compression(tiny_model("bert"), conf)
        model = fit(manager, lambda model, m=manager: train(m, model), eval_func=lambda model: next(scores))
        assert model.met_criterion is met


def test_a_pruned_model_is_saved_as_the_plain_one(tmp_path):
    manager = prepare_compression(tiny_model("bert"), confs_of("prune"))
    train(manager, manager.model)
    manager.save(tmp_path)
    assert "Pruned in training to" in (tmp_path / "README.md").read_text()
    _, info = AutoModelForSequenceClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values())


def test_what_stays_dense_is_said_once(caplog):
    """Of a model, though it is looked at when the run is prepared, when it begins, and for each config."""
    attention, others = ".*attention.*", ".*(layer.0.(intermediate|output)|pooler).*"
    for _ in range(2):
        parts = [{"excluded_op_names": [others]}, {"excluded_op_names": [attention]}]
        config = config_of(pruning_configs=parts)
        manager = prepare_compression(tiny_model("bert"), config)
        train(manager, manager.model)
    assert caplog.text.count("is the model's head and stays dense") == 2  # models


def manager_of(kind="prune") -> CompressionManager:
    return prepare_compression(tiny_model("bert"), confs_of(kind))


def test_hooks_out_of_order():
    manager = manager_of()
    hooks = {
        "on_after_optimizer_step": (),
        "on_step_end": (),
        "on_epoch_end": (),
        "on_train_end": (),
    }
    for hook, args in hooks.items():
        with pytest.raises(RuntimeError, match=f"`{hook}` was called after nothing, without `on_train_begin`"):
            getattr(manager, hook)(*args)
    manager.on_train_begin()
    manager.on_train_begin()  # INC's documentation does so
    manager.on_epoch_begin(0)
    with pytest.raises(RuntimeError, match="`on_train_begin` was called twice"):
        manager.on_train_begin()
    with pytest.raises(RuntimeError, match="`on_before_optimizer_step` was called after .*, without `on_step_begin`"):
        manager.on_before_optimizer_step()
    manager.on_step_begin(0)
    with pytest.raises(
        RuntimeError, match="`on_after_optimizer_step` was called after on_step_begin, without `on_bef"
    ):
        manager.on_after_optimizer_step()
    with pytest.raises(RuntimeError, match="no gradients in `on_before_optimizer_step`: another model was trained"):
        manager.on_before_optimizer_step()


def test_a_step_that_does_not_end():
    manager = manager_of()
    manager.model.train()
    manager.on_train_begin()
    manager.on_step_begin(0)
    manager.model(**BATCHES[0]).loss.backward()
    manager.on_before_optimizer_step()
    with pytest.raises(RuntimeError, match="`on_step_begin` was called after on_before_.*, without `on_after_optim"):
        manager.on_step_begin(1)


def test_a_loss_without_distillation():
    manager = manager_of("distil")
    optimizer = torch.optim.SGD(manager.model.parameters(), lr=0.1)
    manager.on_train_begin(optimizer=optimizer)
    manager.on_step_begin(0)
    manager.model.train()
    manager.model(**BATCHES[0]).loss.backward()
    with pytest.raises(ValueError, match="no distillation in it: call `loss = on_after_compute_loss"):
        manager.on_before_optimizer_step()
    outputs = copy.deepcopy(tiny_model("bert")).train()(**BATCHES[0])
    manager.on_after_compute_loss(BATCHES[0], outputs, outputs.loss)
    with pytest.raises(ValueError, match="There is no output of the student to distil into"):
        manager.on_after_compute_loss(BATCHES[0], outputs, outputs.loss)


def test_a_later_step_without_distillation():
    manager = manager_of("distil")
    optimizer = torch.optim.SGD(manager.model.parameters(), lr=0.1)
    manager.on_train_begin(optimizer=optimizer)
    manager.model.train()
    for i in range(2):
        manager.on_step_begin(i)
        outputs = manager.model(**BATCHES[i])
        loss = manager.on_after_compute_loss(BATCHES[i], outputs, outputs.loss) if i == 0 else outputs.loss
        loss.backward()
        if i == 0:
            manager.on_before_optimizer_step()
            optimizer.step()
            manager.on_after_optimizer_step()
    with pytest.raises(ValueError, match="no distillation in it"):
        manager.on_before_optimizer_step()


def test_projections_without_an_optimizer(caplog):
    manager = manager_of("distil")
    manager.model.train()
    manager.on_train_begin()
    manager.on_step_begin(0)
    outputs = manager.model(**BATCHES[0])
    manager.on_after_compute_loss(BATCHES[0], outputs, outputs.loss).backward()
    manager.on_before_optimizer_step()
    (before,) = [p.clone() for p in manager.callbacks_list[0].projections.criterion.parameters() if p.ndim == 2]
    manager.on_after_optimizer_step()
    (after,) = [p for p in manager.callbacks_list[0].projections.criterion.parameters() if p.ndim == 2]
    assert not torch.equal(after, before)
    assert "trained at a learning rate of 0.001; for that of your optimizer call `on_train_begin(opt" in caplog.text


@pytest.mark.parametrize(
    "confs, error, match",
    [
        ([], ValueError, r"at least one config and none twice, got \[\]"),
        (confs_of("prune", "qat", "prune"), ValueError, r"none twice, got \[WeightPruningConfig, Quant"),
        ([{}], TypeError, "must be one of WeightPruningConfig, DistillationConfig, .*, got dict"),
        (
            config_of(end_step=0.5),
            ValueError,
            "`end_step=0.5` needs to know how long .* pass `max_steps`",
        ),
        (config_of(end_step=-1), ValueError, "`end_step=-1` needs to know"),
    ],
)
def test_configs_that_cannot_be(confs, error, match):
    with pytest.raises(error, match=match):
        prepare_compression(tiny_model("bert"), confs)
    with pytest.raises(TypeError, match="`model` must be a torch.nn.Module, got str"):
        prepare_compression("bert", confs)


def test_shares_of_the_run():
    manager = prepare_compression(without_dropout(), config_of(op_names=[LAYERS], end_step=0.75), max_steps=STEPS)
    train(manager, manager.model)
    assert manager.callbacks_list[0].pruners[0].schedule.end == 9


def test_resumed_to_the_same_bits():
    results = []
    for stop in (None, 6):
        manager = prepare_compression(without_dropout(), confs_of("prune", "distil"))
        optimizer = torch.optim.AdamW(manager.model.parameters(), lr=1e-2, weight_decay=0.0)
        if stop is None:
            train(manager, manager.model, optimizer=optimizer)
            results.append(copy.deepcopy(manager.model.state_dict()))
            continue
        loop(manager, optimizer, range(stop))
        saved = copy.deepcopy((manager.model.state_dict(), optimizer.state_dict()))
        resumed = prepare_compression(without_dropout(), confs_of("prune", "distil"))
        resumed.model.load_state_dict(saved[0])
        optimizer = torch.optim.AdamW(resumed.model.parameters(), lr=1e-2, weight_decay=0.0)
        optimizer.load_state_dict(saved[1])
        loop(resumed, optimizer, range(stop, STEPS))
        results.append(resumed.model.state_dict())
    assert all(torch.equal(tensor, results[1][name]) for name, tensor in results[0].items())


def loop(manager, optimizer, steps):
    manager.model.train()
    manager.on_train_begin(optimizer=optimizer, global_step=steps.start)
    for i in steps:
        batch = BATCHES[i % len(BATCHES)]
        manager.on_step_begin(i)
        outputs = manager.model(**batch)
        manager.on_after_compute_loss(batch, outputs, outputs.loss).backward()
        manager.on_before_optimizer_step()
        optimizer.step()
        manager.on_after_optimizer_step()
        optimizer.zero_grad()
