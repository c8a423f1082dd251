import pytest
import torch
from tiny import tiny_inputs, tiny_model
from torch import nn

from inc_hf.distill.outputs import as_mapping, split_logits, teacher_kwargs


def test_teacher_gets_what_it_names():
    kwargs = {**tiny_inputs(tiny_model("bert")), "token_type_ids": 0, "labels": 1, "start_positions": 2}
    assert set(teacher_kwargs(tiny_model("bert"), kwargs)) == {"input_ids", "attention_mask", "token_type_ids"}
    assert set(teacher_kwargs(tiny_model("distilbert"), kwargs)) == {"input_ids", "attention_mask"}

    # A wrapper that names nothing gets everything but the labels.
    class Wrapped(nn.Module):
        def forward(self, *args, **kwargs):
            pass

    assert set(teacher_kwargs(Wrapped(), kwargs)) == {"input_ids", "attention_mask", "token_type_ids"}


def test_encoder_decoder_keeps_the_labels_where_it_makes_its_input_of_them():
    kwargs = {"input_ids": 0, "labels": 1}
    without_cache = {"input_ids": 0, "use_cache": False}
    assert teacher_kwargs(tiny_model("t5"), kwargs) == {**without_cache, "labels": 1}
    decoded = teacher_kwargs(tiny_model("t5"), {**kwargs, "decoder_input_ids": 2})
    assert decoded == {**without_cache, "decoder_input_ids": 2}


def test_as_mapping():
    logits = torch.zeros(2)
    assert as_mapping(logits, "teacher") == {"logits": logits}
    for outputs, role in ((logits, "student"), ((logits,), "student"), ((logits,), "teacher")):
        with pytest.raises(ValueError, match=f"The {role} must return a mapping .* set `return_dict=True`"):
            as_mapping(outputs, role)


def test_split_logits():
    logits = torch.randn(2, 5, 2)
    assert split_logits(logits, {"logits": 0}) == {"logits": logits}
    found = split_logits(logits, {"start_logits": 0, "end_logits": 0})
    assert torch.equal(found["start_logits"], logits[:, :, 0]) and torch.equal(found["end_logits"], logits[:, :, 1])
    with pytest.raises(ValueError, match=r"must have the shape \(batch, tokens, 2\), start and end logits, got"):
        split_logits(logits[..., 0], {"start_logits": 0, "end_logits": 0})
