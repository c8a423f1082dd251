"""What is trained."""

from collections.abc import Callable

import pytest
import torch
from distilling import (
    LOGGED,
    NO_DROPOUT,
    LabelFree,
    Sentences,
    arguments,
    callback,
    close,
    history,
    kd,
    layers,
    student,
    teacher,
    token_labels,
    train,
    weights,
)
from tiny import ENCODER, VOCABULARY, tiny_model
from torch import nn
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    BertForTokenClassification,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    TrainerCallback,
)

from inc_hf.callbacks import DistillationCallback
from inc_hf.config import DistillationConfig, SelfKnowledgeDistillationLossConfig


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


def test_the_teacher_is_no_part_of_the_student(tmp_path):
    model, guide, seen = student(), teacher(), []

    class Watch(TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **kwargs):
            seen.append((set(model.state_dict()), guide in list(model.modules())))

    before = weights(guide).clone()
    train(tmp_path, [callback(guide), Watch()], model)
    assert all(found == (set(student().state_dict()), False) for found in seen)
    assert torch.equal(weights(guide), before)
    assert not guide.training and all(p.requires_grad and p.grad is None for p in guide.parameters())
