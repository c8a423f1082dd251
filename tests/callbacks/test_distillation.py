import copy
import gc
from collections.abc import Callable

import pytest
import torch
from distilling import (
    NO_DROPOUT,
    LabelFree,
    Sentences,
    arguments,
    callback,
    has_hooks,
    history,
    kd,
    layers,
    make_trainer,
    student,
    teacher,
    token_labels,
    weights,
)
from tiny import ENCODER, VOCABULARY, tiny_inputs, tiny_model
from torch import nn
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    Trainer,
    TrainerCallback,
    TrainerState,
)

import inc_hf
from inc_hf.callbacks import DistillationCallback, PruningCallback
from inc_hf.callbacks.distillation import STATE
from inc_hf.config import DistillationConfig, SelfKnowledgeDistillationLossConfig, WeightPruningConfig

LOGGED = ("loss", "grad_norm", "distillation/loss", "distillation/student_loss")
COMPILED = {"torch_compile": True, "torch_compile_backend": "aot_eager"}
SHARDED = {"fsdp": ["full_shard"], "deepspeed": "ds.json"}


@pytest.fixture(scope="module", autouse=True)
def quick_garbage_collection():
    """Every `train()` collects garbage, which takes longer than the training of a tiny model."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def environment_as_before(monkeypatch):
    """`TrainingArguments(torch_compile=True)` would make every later Trainer of the process compile."""
    monkeypatch.setenv("ACCELERATE_DYNAMO_BACKEND", "no")


def train(folder, callbacks=None, model=None, **values) -> Trainer:
    trainer = make_trainer(folder, model or student(), callbacks or [callback()], **values)
    trainer.train()
    return trainer


def close(found, expected, tolerance=1e-5):
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


# What is trained


def test_first_step_by_hand(tmp_path):
    model, guide = student(), teacher()
    rows = [Sentences()[i] for i in range(8)]
    batch = {key: torch.stack([torch.as_tensor(row[key]) for row in rows]) for key in rows[0]}
    own, target = model.train()(**batch), guide(batch["input_ids"], batch["attention_mask"])
    s, t = (own.logits / 2).log_softmax(-1), (target.logits / 2).softmax(-1)
    kl = 4 * (t * (t.log() - s)).sum(-1).mean()
    loss = 0.5 * own.loss + 0.5 * kl
    norm = torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(model.parameters()))]).norm()
    trainer = train(tmp_path, [callback(guide, kd())], model, dataset=Sentences(8), max_steps=1)
    expected = [[loss.item(), norm.item(), kl.item() / 2, own.loss.item()]]
    close(history(trainer, *LOGGED), torch.tensor(expected).double())


def bert(cls: type, **values) -> Callable[..., nn.Module]:
    def make(**more):
        torch.manual_seed(1)
        return cls(BertConfig(vocab_size=VOCABULARY, **{**ENCODER, **NO_DROPOUT, **values, **more}))

    return make


def causal(name: str, **values) -> Callable[..., nn.Module]:
    return lambda **more: tiny_model(name, **values, **more)


MULTI_LABEL = {"num_labels": 3, "problem_type": "multi_label_classification"}
# task -> (makes a model, dataset). The labels left out differ from sample to sample.
TASKS = {
    "classification": (student, Sentences()),
    "regression": (bert(BertForSequenceClassification, num_labels=1), Sentences(labels=lambda i: i / 9)),
    "multi label": (
        bert(BertForSequenceClassification, **MULTI_LABEL),
        Sentences(labels=lambda i: torch.tensor([i % 2, i % 3 == 0, 1]).float()),
    ),
    "tokens": (bert(BertForTokenClassification), Sentences(labels=token_labels)),
    "llama": (causal("llama"), Sentences(labels=lambda i: token_labels(i, labels=VOCABULARY))),
    "gpt2": (
        causal("gpt2", embd_pdrop=0.0, resid_pdrop=0.0, attn_pdrop=0.0),
        Sentences(labels=lambda i: token_labels(i, labels=VOCABULARY)),
    ),
    "question answering": (
        bert(BertForQuestionAnswering),
        Sentences(labels=lambda i: None, start_positions=lambda i: i % 8, end_positions=lambda i: 7),
    ),
}


@pytest.mark.parametrize("task", TASKS)
def test_accumulation_changes_nothing(tmp_path, task):
    make, dataset = TASKS[task]
    found = []
    for accumulation in (1, 4):
        distillation = callback(make(num_hidden_layers=2), kd("MSE" if task == "regression" else "KL"))
        trainer = train(tmp_path, [distillation], make(), dataset=dataset, accumulation=accumulation)
        found.append(history(trainer, *LOGGED))
    assert (found[0][:, 2] > 0).all()
    close(found[1], found[0], 2e-5)


def test_accumulation_with_projections_and_padding(tmp_path):
    """The last batch of the epoch is smaller, too."""
    mask = Sentences(28, attention_mask=lambda i: (torch.arange(8) < 3 + i % 6).long())
    found = [
        history(train(tmp_path, dataset=mask, accumulation=accumulation, max_steps=8), *LOGGED)
        for accumulation in (1, 4)
    ]
    close(found[1], found[0], 2e-5)


def test_seq2seq_trainer(tmp_path):
    values = {"dropout_rate": 0.0, "decoder_start_token_id": 0, "pad_token_id": 0}
    dataset = Sentences(labels=lambda i: token_labels(i, labels=VOCABULARY))
    found = []
    for accumulation in (1, 4):
        args = arguments(tmp_path, accumulation, cls=Seq2SeqTrainingArguments)
        guide = tiny_model("t5", num_layers=2, **values)
        trainer = Seq2SeqTrainer(tiny_model("t5", **values), args, train_dataset=dataset)
        trainer.add_callback(callback(guide, kd()))
        trainer.train()
        found.append(history(trainer, *LOGGED))
    close(found[1], found[0], 2e-5)


def test_a_projection_is_trained(tmp_path):
    distillation = callback(criterion=layers())
    seen = []

    class Watch(TrainerCallback):
        def on_step_end(self, *args, **kwargs):
            seen.append(weights(distillation.projections.criterion).clone())

    train(tmp_path, [distillation, Watch()], lr_scheduler_type="constant")
    changes = [(after - before).abs().mean().item() for before, after in zip(seen[:-1], seen[1:], strict=True)]
    assert len(seen[0]) == 16 * 24 + 24
    assert all(0.001 < change < 0.011 for change in changes)  # AdamW moves by about the learning rate, 0.01


def test_self_distillation(tmp_path):
    class TwoExits(BertForSequenceClassification):
        def forward(self, input_ids, attention_mask=None, labels=None, **kwargs):
            outputs = super().forward(input_ids, attention_mask, labels=labels, output_hidden_states=True, **kwargs)
            outputs["early"] = self.classifier(outputs.hidden_states[0][:, 0])
            return outputs

    loss = SelfKnowledgeDistillationLossConfig([[["early", "logits"]]], 2.0, ["KL"], [0.5], add_origin_loss=True)
    distillation = DistillationCallback(DistillationConfig(criterion=loss))
    values = history(train(tmp_path, [distillation], bert(TwoExits)()), *LOGGED)
    close(values[:, 0], values[:, 2] + values[:, 3])
    assert (values[:, 2] > 0).all()


def test_column_of_teacher_logits(tmp_path):
    guide, rows = teacher(), Sentences()
    with torch.no_grad():
        logits = [guide(rows[i]["input_ids"][None]).logits[0] for i in range(len(rows))]
    column = Sentences(teacher_logits=lambda i: logits[i])
    distillation = DistillationCallback(DistillationConfig(criterion=kd()))
    found = train(
        tmp_path,
        [distillation],
        dataset=column,
        remove_unused_columns=False,
        eval_dataset=column,
        eval_strategy="steps",
        eval_steps=2,
    )
    expected = train(tmp_path, [callback(guide, kd())])
    close(history(found), history(expected))


def test_teacher_from_a_path(tmp_path):
    teacher().save_pretrained(tmp_path / "teacher")
    found = train(tmp_path, [callback(str(tmp_path / "teacher"))])
    assert torch.equal(history(found), history(train(tmp_path, [callback()])))


def test_label_free(tmp_path):
    found = train(tmp_path, [callback(criterion=kd(weights=(0.0, 1.0)))], dataset=LabelFree(Sentences()))
    expected = train(tmp_path, [callback(criterion=kd(weights=(0.0, 1.0)))])
    close(history(found), history(expected))


# The Trainer's ways


@pytest.mark.parametrize(
    "values, tolerance",
    [
        ({"bf16": True}, 2e-2),
        ({"activation_checkpointing": True}, 1e-5),
        (COMPILED, 1e-5),
        ({"max_grad_norm": 1e9}, None),
    ],
    ids=["bf16", "checkpointing", "compile", "clipping"],
)
def test_settings_of_the_trainer(tmp_path, values, tolerance):
    model = student(num_hidden_layers=2)
    expected = history(train(tmp_path, model=copy.deepcopy(model)), *LOGGED)
    found = history(train(tmp_path, model=model, **values), *LOGGED)
    if tolerance is None:  # Clipped at 1.0 by default
        assert (expected[:, 1] > 1).any() and not torch.equal(found, expected)
        close(found[0], expected[0])
    else:
        close(found, expected, tolerance)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))

    def forward(self, x):
        return {"logits": self.body(x)}


def test_code_compiled_before_calls_the_hooks(tmp_path):
    model, guide, x = Net(), Net(), torch.randn(3, 4)
    compiled = torch.compile(model, backend="aot_eager")
    compiled(x)
    expected = (model.body[0](x) - guide.body[0](x)).square().mean()
    distillation = callback(guide, layers([["body.0", "body.0"]]))
    optimizer = torch.optim.SGD(model.parameters())
    for _ in range(2):
        distillation.on_train_begin(arguments(tmp_path, **COMPILED), TrainerState(), None, model, optimizer)
        close(compiled(x)["loss"], expected)
        distillation.on_train_end(None, TrainerState(), None, optimizer=optimizer)
        assert "loss" not in compiled(x)


@pytest.mark.parametrize("first", [DistillationCallback, PruningCallback])
def test_with_pruning_in_any_order(tmp_path, first):
    pruning = PruningCallback(WeightPruningConfig(target_sparsity=0.5, end_step=2, excluded_op_names=["classifier"]))
    pair = sorted([callback(), pruning], key=lambda item: not isinstance(item, first))
    model = student()
    found = train(tmp_path, pair, model)
    values = history(found, *LOGGED, "pruning/sparsity")
    assert (values[:, 2] > 0).all() and values[-1, -1] > 0.3
    other = PruningCallback(WeightPruningConfig(target_sparsity=0.5, end_step=2, excluded_op_names=["classifier"]))
    trainer = make_trainer(tmp_path, student(), [])
    trainer.add_callback(other)
    trainer.add_callback(callback())
    trainer.train()
    assert torch.equal(weights(trainer.model), weights(model))


def test_constructor_and_add_callback_are_equal(tmp_path):
    trainer = make_trainer(tmp_path, student(), [])
    trainer.add_callback(callback())
    trainer.train()
    assert torch.equal(history(trainer, *LOGGED), history(train(tmp_path), *LOGGED))


def test_logs_reach_the_reporters_before_us(tmp_path):
    class Reporter(TrainerCallback):
        def __init__(self):
            self.logs = []

        def on_log(self, args, state, control, logs=None, **kwargs):
            self.logs.append(dict(logs))

    reporter, distillation = Reporter(), callback()
    trainer = make_trainer(tmp_path, student(), [reporter], logging_steps=2)
    trainer.add_callback(distillation)
    trainer.train()
    rows = [row for row in reporter.logs if "loss" in row]
    assert len(rows) == 2
    for row, kept in zip(rows, [row for row in trainer.state.log_history if "loss" in row], strict=True):
        assert row["distillation/loss"] == kept["distillation/loss"] > 0
        assert row["loss"] == pytest.approx(
            0.5 * row["distillation/student_loss"] + row["distillation/loss"], rel=1e-4
        )
    assert "distillation/loss" not in reporter.logs[-1]  # of the whole training


def test_evaluation_is_that_of_the_model(tmp_path):
    trainer = train(tmp_path, eval_dataset=Sentences(8), eval_strategy="steps", eval_steps=4)
    (inside,) = [row["eval_loss"] for row in trainer.state.log_history if "eval_loss" in row]
    assert inside == pytest.approx(trainer.evaluate()["eval_loss"], rel=1e-6)
    assert not any("distillation/loss" in row for row in trainer.state.log_history if "eval_loss" in row)


def test_best_model_and_checkpoints_are_plain(tmp_path):
    model, guide = student(), teacher()
    trainer = train(
        tmp_path,
        [callback(guide)],
        model,
        eval_dataset=Sentences(8),
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="steps",
        save_steps=1,
        load_best_model_at_end=True,
        metric_for_best_model="loss",
    )
    best = type(model).from_pretrained(trainer.state.best_model_checkpoint)
    assert torch.equal(weights(best), weights(model))
    assert not has_hooks(model, guide)
    assert STATE not in trainer.optimizer.state


class Interrupt(TrainerCallback):
    """Raises in one event of one step."""

    def __init__(self, event: str, error: type[BaseException] = KeyboardInterrupt, step: int = 2):
        def fail(args, state, control, **kwargs):
            if state.global_step == step:
                raise error("stop")

        setattr(self, event, fail)


@pytest.mark.parametrize("criterion", [[kd(), layers()], kd()], ids=["projection", "logits"])
@pytest.mark.parametrize("flag", [False, True], ids=["plain", "restore callbacks"])
def test_resumed_run_has_the_same_bits(tmp_path, criterion, flag):
    values = {"save_strategy": "steps", "save_steps": 2, "restore_callback_states_from_checkpoint": flag}
    model = student(hidden_dropout_prob=0.1)  # the random numbers must agree, too
    whole = train(tmp_path / "whole", [callback(criterion=criterion)], copy.deepcopy(model), **values)
    with pytest.raises(KeyboardInterrupt):
        train(
            tmp_path / "parts",
            [callback(criterion=criterion), Interrupt("on_step_begin", step=3)],
            copy.deepcopy(model),
            **values,
        )
    trainer = make_trainer(tmp_path / "parts", model, [callback(criterion=criterion)], **values)
    trainer.train(resume_from_checkpoint=True)
    assert torch.equal(weights(trainer.model), weights(whole.model))
    assert torch.equal(history(trainer, *LOGGED), history(whole, *LOGGED))


def test_checkpoint_of_another_criterion(tmp_path):
    train(tmp_path, save_strategy="steps", save_steps=2)
    trainer = make_trainer(tmp_path, student(), [callback(criterion=kd())], max_steps=6)
    with pytest.raises(ValueError, match="has a projection 'parts.1.projections.0', which this `criterion` does not"):
        trainer.train(resume_from_checkpoint=True)


def test_model_init(tmp_path):
    trainer = make_trainer(tmp_path, None, [callback()], model_init=lambda: student())
    trainer.train()
    first = history(trainer, *LOGGED)
    trainer.train()
    assert torch.equal(history(trainer, *LOGGED), first)
    assert not has_hooks(trainer.model)


def test_auto_find_batch_size(tmp_path):
    """`on_train_begin` fires once more without `on_train_end`."""
    begun = []

    class Full(TrainerCallback):
        def on_train_begin(self, args, state, control, **kwargs):
            begun.append(state.train_batch_size)

        def on_step_begin(self, args, state, control, **kwargs):
            if state.train_batch_size == 8:
                raise RuntimeError("CUDA out of memory.")

    model = student()
    trainer = train(tmp_path, [callback(), Full()], model, auto_find_batch_size=True, max_steps=2)
    assert len(begun) > 1 and begun[-1] < 8
    assert (history(trainer, *LOGGED)[:, 2] > 0).all()
    assert not has_hooks(model)


# After a run


def fail_backward(error):
    def fail(gradient):
        raise error

    return fail


INTERRUPTS = [
    ("on_step_begin", KeyboardInterrupt),
    ("forward", KeyboardInterrupt),
    ("forward", RuntimeError),
    ("backward", KeyboardInterrupt),
    ("on_log", RuntimeError),
]


@pytest.mark.parametrize("place, error", INTERRUPTS)
def test_after_an_exception_the_model_is_itself(tmp_path, place, error):
    model, guide = student(), teacher()
    distillation = callback(guide)
    callbacks, handle = [distillation], None
    if place == "forward":
        handle = model.classifier.register_forward_hook(lambda *args: fail_backward(error)(None))
    elif place == "backward":
        handle = model.classifier.weight.register_hook(fail_backward(error))
    else:
        callbacks.append(Interrupt(place, error))
    with pytest.raises(error):
        train(tmp_path, callbacks, model)
    if handle:
        handle.remove()
    batch = {**tiny_inputs(model), "labels": torch.tensor([0, 1, 1])}
    expected = type(model)(model.config)
    expected.load_state_dict(model.state_dict())
    copied = copy.deepcopy(model).train()
    assert torch.equal(copied(**batch).loss, expected.train()(**batch).loss)
    assert torch.equal(model.train()(**batch).loss, expected(**batch).loss)
    assert not has_hooks(model, guide)
    again = train(tmp_path, [distillation], model, max_steps=2)
    assert (history(again, *LOGGED)[:, 2] > 0).all()
    assert not has_hooks(model, guide)


def test_another_trainer_after_an_exception_is_not_distilled(tmp_path):
    """Its first call of the model finds the hooks of the run before."""
    model = student()
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path, [callback(), Interrupt("on_pre_optimizer_step", step=0)], model)
    assert has_hooks(model)
    plain = train(tmp_path, [TrainerCallback()], model)
    assert not has_hooks(model)
    assert torch.equal(history(plain), history(train(tmp_path, [TrainerCallback()], student())))


def test_second_run_of_one_trainer(tmp_path):
    trainer = train(tmp_path)
    trainer.train()
    assert (history(trainer, *LOGGED)[:, 2] > 0).all()
    assert not has_hooks(trainer.model)


def test_events_of_a_loop_without_a_trainer(tmp_path):
    """Its run ends with `on_train_end`; beginning once more does not add the hooks once more."""
    model, distillation = student().train(), callback()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    args, event = arguments(tmp_path), {"model": model, "optimizer": optimizer}
    batch = {**tiny_inputs(model), "labels": torch.tensor([0, 1, 1])}
    own = model(**batch).loss
    losses = []
    for _ in range(2):
        distillation.on_train_begin(args, TrainerState(), None, **event)
        losses.append(model(**batch).loss)
    assert losses[0] != own and losses[0] == losses[1]
    losses[1].backward()
    distillation.on_pre_optimizer_step(args, TrainerState(), None, **event)
    optimizer.step()
    distillation.on_optimizer_step(args, TrainerState(), None, **event)
    assert STATE in optimizer.state
    distillation.on_train_end(args, TrainerState(), None, **event)
    assert STATE not in optimizer.state and not has_hooks(model)


# Subclasses of the Trainer


class TwoForwards(Trainer):
    """Calls the model twice per batch, as R-Drop does."""

    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        losses = [super(TwoForwards, self).compute_loss(model, dict(inputs), False, num_items_in_batch) for _ in "ab"]
        return sum(losses) / 2


class MeanPerBatch(Trainer):
    """Cures transformers#47688 by itself."""

    loss_is_scaled_for_ga = False


@pytest.mark.parametrize("cls", [TwoForwards, MeanPerBatch])
@pytest.mark.parametrize("accumulation", [1, 4])
def test_subclasses(tmp_path, cls, accumulation):
    found = train(tmp_path, cls=cls, accumulation=accumulation)
    close(history(found, *LOGGED), history(train(tmp_path), *LOGGED), 2e-5)


class OwnLoss(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        return nn.functional.cross_entropy(model(**inputs).logits, inputs["labels"])


class NoCall(Trainer):
    def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
        inputs.pop("labels")
        return model.classifier(model.bert(**inputs).pooler_output).sum()


# What is refused


@pytest.mark.parametrize("accumulation", [1, 4])
@pytest.mark.parametrize(
    "cls, text", [(OwnLoss, "in it. An own"), (NoCall, "it did not call the model itself. An own")]
)
def test_own_loss_of_a_subclass(tmp_path, cls, text, accumulation):
    model = student()
    before = weights(model).clone()
    with pytest.raises(ValueError, match=f"did not train the loss that the model returns, which has .*{text}"):
        train(tmp_path, model=model, cls=cls, accumulation=accumulation)
    assert torch.equal(weights(model), before)


def compute_loss_func(outputs, labels, num_items_in_batch=None):
    return outputs["logits"].sum()


@pytest.mark.parametrize(
    "values, text",
    [
        ({"label_smoothing_factor": 0.1}, "does not work with `label_smoothing_factor=0.1`.*Set it to 0"),
        ({"compute_loss_func": compute_loss_func}, "does not work with `compute_loss_func`.*Leave it out"),
    ],
    ids=["smoothing", "function"],
)
def test_losses_outside_the_model(tmp_path, values, text):
    model = student()
    with pytest.raises(ValueError, match=text):
        train(tmp_path, model=model, **values)
    assert not has_hooks(model)


@pytest.mark.parametrize("name", SHARDED)
def test_sharding(tmp_path, name):
    trainer = make_trainer(tmp_path, student(), [])
    setattr(trainer.args, name, SHARDED[name])
    with pytest.raises(ValueError, match=f"DistillationCallback .*`{name}`"):
        callback().on_train_begin(trainer.args, trainer.state, trainer.control, model=trainer.model)


def missing_layer(side):
    names = ["bert.encoder.layer.0", "bert.encoder.layer.1"]
    names[side] = "bert.encoder.layers.0"
    return callback(criterion=layers([names]))


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda model: [callback(), callback()], r"two DistillationCallbacks; add one. .*criterion=\[...\]"),
        (lambda model: [callback()] * 2, "two DistillationCallbacks"),
        (lambda model: [callback(model)], r"The teacher is the student itself, .*copy.deepcopy\(model\)"),
        (lambda model: [missing_layer(0)], "The student has no layer 'bert.encoder.layers.0'; did you mean 'bert.enc"),
        (lambda model: [missing_layer(1)], "The teacher has no layer 'bert.encoder.layers.0'; did you mean 'bert.enc"),
        (lambda model: [callback(teacher(num_labels=3))], r"shape \(8, 2\), the teacher's \(8, 3\); they must be"),
        (lambda model: [callback(tiny_model("llama"), kd())], r"shape \(8, 2\), the teacher's \(8, 8, 96\)"),
        (
            lambda model: [callback(model_without_logits(), kd())],
            "teacher's output has no tensor 'logits', only the k",
        ),
        (
            lambda model: [DistillationCallback(DistillationConfig())],
            "neither a teacher nor can a column `teacher_logits` of the dataset arrive: set `teacher_model` .*"
            "`remove_unused_columns=False`",
        ),
        (
            lambda model: [DistillationCallback(DistillationConfig(criterion=layers()))],
            "inner layers needs a teacher; set `teacher_model`",
        ),
    ],
    ids=[
        "two",
        "twice",
        "itself",
        "student layer",
        "teacher layer",
        "classes",
        "rank",
        "no logits",
        "no teacher",
        "no teacher of layers",
    ],
)
def test_bad_input(tmp_path, make, text):
    model = student()
    before = weights(model).clone()
    with pytest.raises(ValueError, match=text):
        train(tmp_path, make(model), model)
    assert torch.equal(weights(model), before)


def model_without_logits():
    return tiny_model("bert").bert


def test_no_column_arrives(tmp_path):
    distillation = DistillationCallback(DistillationConfig(criterion=kd()))
    with pytest.raises(ValueError, match="There is neither a teacher nor a column `teacher_logits` in the batch"):
        train(tmp_path, [distillation], remove_unused_columns=False)


def test_fp16_and_projections(tmp_path):
    trainer = make_trainer(tmp_path, student(), [])
    trainer.args.fp16 = True
    with pytest.raises(ValueError, match="cannot be trained with `fp16`"):
        callback().on_train_begin(trainer.args, trainer.state, trainer.control, model=trainer.model)


def test_config_and_names():
    with pytest.raises(TypeError, match="`config` must be a DistillationConfig, got dict."):
        DistillationCallback({"teacher_model": "me/teacher"})
    assert inc_hf.DistillationCallback is DistillationCallback
    assert repr(callback(criterion=kd())).startswith("DistillationCallback(KnowledgeDistillationLossConfig(")


def test_the_teacher_is_no_part_of_the_student(tmp_path):
    model, guide, seen = student(), teacher(), []

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **kwargs):
            seen.append((set(model.state_dict()), guide in list(model.modules())))

    before = weights(guide).clone()
    train(tmp_path, [callback(guide), Watch()], model)
    assert all(found == (set(student().state_dict()), False) for found in seen)
    assert torch.equal(weights(guide), before)
    assert not guide.training and not any(parameter.requires_grad for parameter in guide.parameters())
