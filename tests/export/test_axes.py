"""What of a model's inputs may change, and what it makes of those that do not come; without an export."""

import pytest
import torch
from tiny import tiny_model

from inc_hf.export.axes import batches_and_axes
from inc_hf.export.built_in import BuiltIn, built_in, default_of, is_default
from inc_hf.models.examples import example, usual_inputs

TEXT = {0: "batch", 1: "sequence"}
AXES = {
    "bert": dict.fromkeys(("input_ids", "attention_mask", "token_type_ids"), TEXT),
    "layoutlm": dict.fromkeys(("input_ids", "bbox", "attention_mask", "token_type_ids"), TEXT),
    "hubert": {name: {0: "batch", 1: "length"} for name in ("input_values", "attention_mask")},
    "clip": {"input_ids": TEXT, "pixel_values": {0: "image_batch"}, "attention_mask": TEXT},
    "clap": {"input_ids": TEXT, "attention_mask": TEXT, "input_features": {0: "batch"}},
    "vit": {"pixel_values": {0: "batch"}},
    "swin": {"pixel_values": {0: "batch"}},  # takes any size, but the tracer would not come to an end
    "videomae": {"pixel_values": {0: "batch"}},
    "convnext": {"pixel_values": {0: "batch", 2: "height", 3: "width"}},
    "t5": {"input_ids": TEXT, "attention_mask": TEXT, "decoder_input_ids": {0: "batch", 1: "decoder_sequence"}},
}


@pytest.mark.parametrize("name", AXES)
def test_axes_that_the_model_allows(name):
    model = tiny_model(name)
    batches, axes = batches_and_axes(model, usual_inputs(model))
    assert axes == AXES[name]
    for input_name, tensor in batches[0].items():
        other = batches[1][input_name]
        changed = {axis for axis in range(tensor.ndim) if tensor.shape[axis] != other.shape[axis]}
        assert changed == set(axes[input_name])
    model(**batches[1])
    _, axes = batches_and_axes(model, usual_inputs(model), free=False)
    assert {name for each in axes.values() for name in each.values()} <= {"batch", "sequence", "decoder_sequence"}


def test_one_text_at_a_time_where_there_is_no_padding():
    model = tiny_model("layoutlm")
    model.register_forward_pre_hook(refuse_batches, with_kwargs=True)
    _, axes = batches_and_axes(model, ["input_ids"])
    assert axes == {"input_ids": {1: "sequence"}}
    model.register_forward_pre_hook(refuse_all, with_kwargs=True)
    with pytest.raises(ValueError, match="does not take the inputs that were made up for it .*never"):
        batches_and_axes(model, ["input_ids"])


def refuse_batches(module, args, kwargs):
    if len(kwargs["input_ids"]) > 1:
        raise ValueError("Cannot handle batch sizes > 1 if no padding token is defined.")


def refuse_all(module, args, kwargs):
    raise ValueError("never")


DEFAULTS = {
    "bert": {"attention_mask": 1, "token_type_ids": 0, "position_ids": "arange"},
    "roberta": {"attention_mask": 1, "token_type_ids": 0},
    "gpt2": {"attention_mask": 1, "position_ids": "arange"},
    "layoutlm": {"attention_mask": 1, "token_type_ids": 0, "position_ids": "arange", "bbox": 0},
    "markuplm": {"attention_mask": 1, "token_type_ids": 0, "xpath_tags_seq": 216, "xpath_subs_seq": 1001},
    "tapas": {"attention_mask": 1, "token_type_ids": 0, "position_ids": "arange"},
    "hubert": {"attention_mask": 1},
    "vit": {"attention_mask": 1},
}


@pytest.mark.parametrize("name", DEFAULTS)
def test_defaults_are_what_the_model_says(name):
    model = tiny_model(name)
    found = built_in(model, example(model))
    assert found.defaults == DEFAULTS[name] and found.model == type(model).__name__
    assert BuiltIn.from_json(found.to_json()) == found


def test_inputs_that_change_nothing():
    model = tiny_model("deberta", type_vocab_size=0)
    assert built_in(model, example(model)).ignored == ["token_type_ids"]
    assert built_in(tiny_model("bert"), example(tiny_model("bert"), names=["input_ids"])).ignored == []


def test_values():
    for default in (0, 1, "arange"):
        value = default_of((2, 5), default)
        assert is_default(value, default) and not is_default(value + 1, default)
    assert is_default(torch.tensor([[3, 4]]), "arange", start=3) and not is_default(torch.zeros(1), None)
