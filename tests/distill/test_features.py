import copy
import pickle
from collections import OrderedDict

import pytest
import torch
from torch import nn

from inc_hf.distill.features import LayerOutputs, padding_mask, pick


def network():
    return nn.Sequential(OrderedDict(first=nn.Linear(2, 3), second=nn.Linear(3, 1)))


def test_outputs_by_name():
    model, x = network(), torch.randn(4, 2)
    outputs = LayerOutputs(model, ["first", "", "first"], "student")
    model(x)
    assert outputs.values == {}  # not recording
    outputs.start()
    y = model(x)
    values = outputs.stop()
    assert torch.equal(values["first"], model.first(x)) and values[""] is y and len(values) == 2
    assert outputs.values == {} and not outputs.recording
    outputs.remove()
    assert not any(module._forward_hooks for module in model.modules())


def test_last_call_stays():
    model = network()
    outputs = LayerOutputs(model, ["first"], "student")
    outputs.start()
    model.first(torch.zeros(1, 2))
    last = model.first(torch.ones(1, 2))
    assert outputs.stop()["first"] is last


def test_unknown_name():
    with pytest.raises(ValueError) as caught:
        LayerOutputs(network(), ["first", "secnd"], "teacher")
    assert str(caught.value).startswith("The teacher has no layer 'secnd'; did you mean 'second'?")
    assert "'first', 'second'" in str(caught.value)


def test_no_hook_stays_after_an_unknown_name():
    model = network()
    with pytest.raises(ValueError):
        LayerOutputs(model, ["first", "third"], "student")
    assert not model.first._forward_hooks


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
def test_copies_do_not_record(copied):
    model = network()
    outputs = LayerOutputs(model, ["first"], "student")
    outputs.start()
    model(torch.randn(1, 2))  # a tensor with a history cannot be copied
    twin = copied(model)
    outputs.start()
    twin(torch.randn(1, 2))
    assert outputs.values == {}


TENSOR = torch.zeros(2)


@pytest.mark.parametrize(
    "output, picker",
    [
        (TENSOR, None),
        ((TENSOR, 1), None),
        ({"last_hidden_state": TENSOR, "loss": 0}, None),
        ((1, TENSOR), 1),
        ((1, TENSOR), "1"),
        ({"a": TENSOR}, "a"),
        ({"1": TENSOR}, "1"),
        ({"a": [TENSOR]}, lambda output: output["a"][0]),
    ],
    ids=["tensor", "tuple", "mapping", "index", "digits", "key", "digit key", "function"],
)
def test_pick(output, picker):
    assert pick(output, picker, "here") is TENSOR


@pytest.mark.parametrize(
    "output, picker, text",
    [
        ({"a": TENSOR}, "b", "here: its output has no element 'b', only a mapping with the keys a."),
        ((TENSOR,), 3, "here: its output has no element 3, only a tuple of 1."),
        ({"logits": TENSOR}, None, "no element 'last_hidden_state', only a mapping with the keys logits."),
        ((1, TENSOR), None, "here: the feature must be a tensor, got int from a tuple of 2; pick one by a key"),
    ],
    ids=["key", "index", "default", "type"],
)
def test_pick_errors(output, picker, text):
    with pytest.raises(ValueError) as caught:
        pick(output, picker, "here")
    assert text in str(caught.value)


def test_padding_mask_fits_hidden_states_only():
    mask = torch.tensor([[1, 0], [1, 1]])
    assert padding_mask(torch.zeros(2, 2, 5), mask).tolist() == [[True, False], [True, True]]
    assert padding_mask(torch.zeros(2, 2), mask) is None  # pooled, of the same size by accident
    assert padding_mask(torch.zeros(2, 2, 2, 2), mask) is None  # attention weights of as many heads
    assert padding_mask(torch.zeros(2, 3, 5), mask) is None
    assert padding_mask(torch.zeros(2, 2, 5), None) is None
