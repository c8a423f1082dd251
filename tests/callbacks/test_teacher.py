import copy

import pytest
import torch
from distilling import student, teacher
from tiny import TinyNet, logits_of, tiny_model
from torch import nn
from transformers import BertForSequenceClassification, RobertaForSequenceClassification, Trainer, TrainingArguments

from inc_hf.callbacks import DistillationCallback
from inc_hf.callbacks.teacher import check_same_logits, load_teacher, prepare_teacher
from inc_hf.config import DistillationConfig
from inc_hf.errors import UsageError


class OwnBert(BertForSequenceClassification):
    """A class that transformers does not have."""


@pytest.mark.parametrize("own", [False, True], ids=["same class", "own class"])
def test_loaded_by_the_class_of_the_student(tmp_path, own):
    guide = teacher()
    cls = OwnBert if own else BertForSequenceClassification
    twin = cls(guide.config)
    twin.load_state_dict(guide.state_dict())
    twin.save_pretrained(tmp_path)
    found = load_teacher(tmp_path, cls(student().config))
    assert type(found) is cls
    assert torch.equal(logits_of(found.eval()), logits_of(guide))


def test_loaded_by_its_own_architecture(tmp_path):
    tiny_model("roberta").save_pretrained(tmp_path)
    assert type(load_teacher(str(tmp_path), student())) is RobertaForSequenceClassification


def test_modules_and_none_stay_as_they_are():
    guide = teacher()
    assert load_teacher(guide, student()) is guide
    assert load_teacher(None, student()) is None
    assert prepare_teacher(None, student(), torch.device("cpu")) is None


def test_errors(tmp_path):
    OwnBert(student().config).save_pretrained(tmp_path)
    with pytest.raises(
        ValueError, match=r"names the architectures \['OwnBert'\], none of which transformers has; load"
    ):
        load_teacher(tmp_path, student())
    with pytest.raises(TypeError, match="`teacher_model` must be a torch.nn.Module, a path or the name .*, got int."):
        load_teacher(3, student())
    with pytest.raises(OSError):
        load_teacher(tmp_path / "nothing", student())


def test_a_prepared_teacher_may_be_trained_elsewhere():
    guide = teacher().train()
    prepare_teacher(guide, student(), torch.device("cpu"))
    assert not guide.training and all(p.requires_grad and p.grad is None for p in guide.parameters())


def test_the_student_is_no_teacher():
    model = student()
    for guide in (model, nn.Sequential(model), model.bert):
        with pytest.raises(
            ValueError, match=r"is the student itself, or shares weights .*`copy.deepcopy\(model\)` as"
        ):
            prepare_teacher(guide, model, torch.device("cpu"))
    assert all(parameter.requires_grad for parameter in model.parameters())
    prepare_teacher(copy.deepcopy(model), model, torch.device("cpu"))
    net = TinyNet()
    with pytest.raises(ValueError):
        prepare_teacher(net, net, torch.device("cpu"))


@pytest.mark.parametrize(
    ("teacher", "student", "message"),
    [
        (
            tiny_model("bert"),
            tiny_model("bert", num_labels=1),
            "gives 2 logits, and the student, a BertFor.*, 1; take",
        ),
        (tiny_model("gpt2", vocab_size=90), tiny_model("opt"), "gives 90 logits, and the student, a OPT.*, 96; take"),
    ],
    ids=["classes", "vocabulary"],
)
def test_other_logits(teacher, student, message):
    check_same_logits(teacher, copy.deepcopy(teacher))
    with pytest.raises(UsageError, match=message):
        check_same_logits(teacher, student)


def test_other_logits_are_refused_before_the_first_step(tmp_path):
    arguments = TrainingArguments(str(tmp_path), max_steps=1, report_to="none", use_cpu=True)
    callback = DistillationCallback(DistillationConfig(tiny_model("bert")))
    trainer = Trainer(tiny_model("bert", num_labels=1), arguments, train_dataset=[{}], callbacks=[callback])
    with pytest.raises(UsageError, match="gives 2 logits"):
        trainer.train()
