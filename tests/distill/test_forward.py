import copy
import pickle

import pytest
import torch
from distilling import LAYERS, has_hooks, kd, layers, student, teacher
from tiny import tiny_inputs, tiny_model
from torch import nn

from inc_hf.config import SelfKnowledgeDistillationLossConfig
from inc_hf.distill import DistilledForward, build_criterion
from inc_hf.distill.loss import aligned_labels, logits_loss


def batch(model, labels=None):
    inputs = tiny_inputs(model)
    return inputs if labels is None else {**inputs, "labels": labels}


def plain(model, inputs):
    """What the model returns by itself."""
    return copy.deepcopy(model)(**inputs)


LABELS = torch.tensor([0, 1, 1])


def test_loss_of_a_classifier():
    model, guide = student().train(), teacher()
    inputs = batch(model, LABELS)
    own, target = plain(model, inputs), guide(**batch(model))
    forward = DistilledForward(model, guide, build_criterion(kd(weights=(0.25, 0.75))))
    outputs = model(**inputs)
    distillation = logits_loss("KL", own.logits, target.logits, 2.0)
    torch.testing.assert_close(outputs.loss, 0.25 * own.loss + 0.75 * distillation)
    assert torch.equal(outputs.logits, own.logits)
    found = forward.means.pop()
    assert found["loss"] == pytest.approx(0.75 * distillation.item(), rel=1e-5)
    assert found["student_loss"] == pytest.approx(own.loss.item(), rel=1e-5)
    assert forward.was_called and not forward.was_trained
    outputs.loss.backward()
    assert forward.was_trained
    forward.remove()
    assert torch.equal(model(**inputs).loss, own.loss)
    assert not has_hooks(model, guide)


def test_evaluation_mode_and_no_grad_are_left_alone():
    model = student()
    inputs = batch(model, LABELS)
    own = plain(model, inputs)
    forward = DistilledForward(model, teacher(), build_criterion([kd(), layers()]))
    assert torch.equal(model(**inputs).loss, own.loss)
    # A dataset of evaluation has the column, too.
    assert torch.equal(model(**inputs, teacher_logits=torch.zeros(3, 2)).loss, own.loss)
    with torch.no_grad():
        assert torch.equal(model.train()(**inputs).loss, own.loss)
    assert not forward.was_called


def test_column_of_teacher_logits_takes_the_place_of_the_teacher():
    model, logits = student().train(), torch.randn(3, 2)
    inputs = batch(model, LABELS)
    own = plain(model, inputs)
    DistilledForward(model, None, build_criterion(kd("MSE", (0.0, 1.0))))
    loss = model(**inputs, teacher_logits=logits).loss
    torch.testing.assert_close(loss, (own.logits - logits).square().mean())
    with pytest.raises(
        ValueError, match="neither a teacher nor a column `teacher_logits` in the batch.*remove_unused"
    ):
        model(**inputs)


def test_items_of_the_batch_scale_the_loss_and_do_not_reach_the_model():
    model = tiny_model("llama").train()
    labels = tiny_inputs(model)["input_ids"].clone()
    labels[0, :6] = -100
    inputs = batch(model, labels)
    items = labels[:, 1:].ne(-100).sum()
    forward = DistilledForward(
        model, tiny_model("llama", num_hidden_layers=2), build_criterion(kd()), shifts_labels=True
    )
    mean = model(**inputs).loss
    scaled = model(**inputs, num_items_in_batch=4 * items).loss
    torch.testing.assert_close(scaled, mean / 4)
    forward.rescale = False
    torch.testing.assert_close(model(**inputs, num_items_in_batch=4 * items).loss, mean)


def test_causal_lm_counts_the_tokens_that_are_predicted():
    model, guide = tiny_model("gpt2").train(), tiny_model("gpt2", n_layer=2)
    labels = tiny_inputs(model)["input_ids"].clone()
    labels[0, :6], labels[1, 8:] = -100, -100
    inputs = batch(model, labels)
    model.config.embd_pdrop = model.config.resid_pdrop = model.config.attn_pdrop = 0.0
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    own, target = plain(model, inputs).logits, guide(**batch(guide)).logits
    DistilledForward(model, guide, build_criterion(kd(weights=(0.0, 1.0))), shifts_labels=True)
    kept = labels[:, 1:].ne(-100)
    expected = logits_loss("KL", own[:, :-1][kept], target[:, :-1][kept], 2.0)
    torch.testing.assert_close(model(**inputs).loss, expected)
    # Labels that a collator has shifted already.
    shifted = {**batch(model), "shift_labels": aligned_labels(labels, True)}
    torch.testing.assert_close(model(**shifted).loss, expected)
    # Without labels the padding is left out.
    mask = torch.ones_like(labels)
    mask[2, 5:] = 0
    own, target = (plain(m.eval(), {**batch(m), "attention_mask": mask}).logits for m in (model, guide))
    model.train()
    expected = logits_loss("KL", own[mask.bool()], target[mask.bool()], 2.0)
    torch.testing.assert_close(model(**{**batch(model), "attention_mask": mask}).loss, expected)


@pytest.mark.parametrize("name", ["t5", "bart"])
def test_seq2seq_with_labels_only(name):
    values = {"decoder_start_token_id": 0, "pad_token_id": 0, "dropout_rate": 0.0, "dropout": 0.0}
    model, guide = tiny_model(name, **values).train(), tiny_model(name, **values)
    inputs = {key: value for key, value in tiny_inputs(model).items() if key != "decoder_input_ids"}
    labels = inputs["input_ids"].clone()
    labels[:, 7:] = -100
    inputs["labels"] = labels
    with torch.no_grad():
        for parameter in guide.parameters():
            parameter.mul_(1.1)
    own, target = plain(model, inputs), plain(guide, inputs)
    DistilledForward(model, guide, build_criterion(kd()))
    expected = logits_loss("KL", own.logits[:, :7], target.logits[:, :7], 2.0)
    torch.testing.assert_close(model(**inputs).loss, (own.loss + expected) / 2)


def test_seq2seq_layers_of_the_decoder_have_its_mask():
    model, guide = tiny_model("bart", dropout=0.0).train(), tiny_model("bart", d_model=24)
    inputs = {key: value for key, value in tiny_inputs(model).items() if key != "decoder_input_ids"}
    inputs["labels"] = inputs["input_ids"].masked_fill(torch.arange(10) >= 4, -100)  # as long as the encoder's input
    names = ["model.encoder.layers.0", "model.decoder.layers.0"]
    criterion = build_criterion(layers([[name, name] for name in names]))
    seen = {}
    for i, name in enumerate(names):
        model.get_submodule(name).register_forward_hook(lambda m, a, out, i=i: seen.update({("s", i): out}))
        guide.get_submodule(name).register_forward_hook(lambda m, a, out, i=i: seen.update({("t", i): out}))
    DistilledForward(model, guide, criterion)
    loss = model(**inputs).loss
    expected = 0
    for i, length in ((0, 10), (1, 4)):
        s, t = (seen[role, i] if isinstance(seen[role, i], torch.Tensor) else seen[role, i][0] for role in "st")
        linear = criterion.parts[0].projections[str(i)]
        expected += (linear(s[:, :length]) - t[:, :length]).square().mean() / 2
    torch.testing.assert_close(loss, expected)


def test_label_free():
    model, guide = student().train(), teacher()
    own, target = plain(model, batch(model)), guide(**batch(model))
    forward = DistilledForward(model, guide, build_criterion(kd(weights=(0.0, 1.0))))
    torch.testing.assert_close(model(**batch(model)).loss, logits_loss("KL", own.logits, target.logits, 2.0))
    assert list(forward.means.pop()) == ["loss"]
    forward.remove()
    DistilledForward(model, guide, build_criterion(kd()))
    with pytest.raises(
        ValueError, match="The student returned no loss, which is to count 0.5 times: the batch has no"
    ):
        model(**batch(model))


def test_batch_without_a_label_is_zero():
    model = tiny_model("llama").train()
    forward = DistilledForward(model, tiny_model("llama"), build_criterion(kd()), shifts_labels=True)
    labels = torch.full((3, 10), -100)
    outputs = model(**batch(model, labels), num_items_in_batch=torch.tensor(5))
    outputs.loss.backward()
    assert outputs.loss.item() == 0
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())
    assert forward.means.pop() == {}


class Shallow(nn.Module):
    """Returns a plain dict, with an exit after the first layer."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)
        self.exit = nn.Linear(4, 2)

    def forward(self, x):
        hidden = self.first(x)
        return {"logits": self.second(hidden), "exit": self.exit(hidden)}


def test_self_distillation_of_a_dict():
    model, x = Shallow().train(), torch.randn(3, 4)
    own = plain(model, {"x": x})
    DistilledForward(model, None, build_criterion(SelfKnowledgeDistillationLossConfig([[["exit", "logits"]]], 2.0)))
    torch.testing.assert_close(model(x=x)["loss"], logits_loss("CE", own["exit"], own["logits"], 2.0))
    torch.testing.assert_close(model(x)["loss"], logits_loss("CE", own["exit"], own["logits"], 2.0))  # by position


def test_teacher_of_another_kind():
    """It returns a tensor, and takes one argument only."""

    def targets(ids):
        return torch.stack([ids.sum(1), ids[:, 0]], 1) / 100

    class Guide(nn.Module):
        def forward(self, input_ids):
            assert not torch.is_grad_enabled()
            return targets(input_ids)

    model = student().train()
    own = plain(model, batch(model))
    DistilledForward(model, Guide(), build_criterion(kd(weights=(0.0, 1.0))))
    expected = logits_loss("KL", own.logits, targets(batch(model)["input_ids"]), 2.0)
    torch.testing.assert_close(model(**batch(model)).loss, expected)


def test_autocast_of_the_teacher():
    model, guide, seen = student().train(), teacher(), []
    guide.bert.encoder.layer[0].output.dense.register_forward_hook(lambda m, a, out: seen.append(out.dtype))
    DistilledForward(model, guide, build_criterion(kd()), autocast_dtype=torch.bfloat16)
    loss = model(**batch(model, LABELS)).loss
    assert seen == [torch.bfloat16] and loss.dtype == torch.float32


def test_hooks_that_outlived_their_run_remove_themselves():
    model, guide, alive = student().train(), teacher(), [True]
    inputs = batch(model, LABELS)
    own = plain(model, inputs)
    forward = DistilledForward(model, guide, build_criterion([kd(), layers()]), is_running=lambda: alive[0])
    assert not torch.equal(model(**inputs).loss, own.loss)
    alive[0] = False
    assert torch.equal(model(**inputs).loss, own.loss)
    assert not has_hooks(model, guide)
    forward.remove()  # once more does no harm


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_copies_of_the_student_are_plain(copied):
    model = student().train()
    inputs = batch(model, LABELS)
    own = plain(model, inputs)
    forward = DistilledForward(model, teacher(), build_criterion([kd(), layers()]))
    twin = copied(model)
    assert torch.equal(twin(**inputs).loss, own.loss)
    assert not forward.was_called


@pytest.mark.parametrize("side", ["student", "teacher"])
def test_unknown_layer_leaves_no_hook(side):
    model, guide = student(), teacher()
    mapping = [["bert.encoder.layer.0", "bert.encoder.layer.7"], ["bert.encoder.layer.1", "bert.encoder.layer.1"]]
    with pytest.raises(ValueError, match=f"The {side} has no layer .*; did you mean 'bert.encoder.layer"):
        DistilledForward(model, guide, build_criterion(layers([mapping[side == "student"]])))
    assert not has_hooks(model, guide)


def test_layers_of_the_whole_model():
    model, guide = student().train(), teacher()
    own, target = plain(model, batch(model)), guide(**batch(model))
    DistilledForward(model, guide, build_criterion(layers([[("", "logits")]])))
    torch.testing.assert_close(model(**batch(model)).loss, (own.logits - target.logits).square().mean())


def test_gradient_checkpointing_does_not_collect_twice():
    model, guide = student(num_hidden_layers=2).train(), teacher()
    mapping = [["bert.encoder.layer.0.attention.output", "bert.encoder.layer.0.attention.output"], *LAYERS]
    gradients = []
    for checkpointing in (False, True):
        twin = copy.deepcopy(model)
        if checkpointing:
            twin.gradient_checkpointing_enable({"use_reentrant": False})
        DistilledForward(twin, guide, build_criterion(layers(mapping)))
        twin(**batch(twin)).loss.backward()
        gradients.append([parameter.grad for parameter in twin.parameters() if parameter.grad is not None])
    assert len(gradients[0]) == len(gradients[1]) > 10
    for expected, found in zip(*gradients, strict=True):
        torch.testing.assert_close(found, expected)


def test_reentrant_checkpointing_is_refused():
    model = student(num_hidden_layers=2).train()
    model.gradient_checkpointing_enable({"use_reentrant": True})
    name = "bert.encoder.layer.0.attention.output"
    DistilledForward(model, teacher(), build_criterion(layers([[name, name]])))
    with pytest.raises(ValueError, match="no gradient flows through its output.*use_reentrant=False"):
        model(**batch(model))
