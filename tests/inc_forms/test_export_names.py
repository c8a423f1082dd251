"""Torch2ONNXConfig as INC's code makes it: names of inputs and outputs that the user chose, and `recipe`."""

import pytest
from tiny import tiny_model

from inc_hf.config import Torch2ONNXConfig
from inc_hf.export.forward import forward_part
from inc_hf.export.names import chosen


@pytest.mark.parametrize(
    "wanted, expected",
    [
        (None, (["a", "b", "c"], {})),
        (["c", "a"], (["c", "a"], {})),
        (["x"], (["a", "b", "c"], {"a": "x"})),
        (["x", "y", "z"], (["a", "b", "c"], {"a": "x", "b": "y", "c": "z"})),
    ],
    ids=["none", "own", "one other", "others"],
)
def test_what_names_mean(wanted, expected):
    assert chosen(wanted, ["a", "b", "c"], "inputs") == expected


@pytest.mark.parametrize("wanted", [["a", "x"], list("wxyz"), ["x", "x"]], ids=["mixed", "too many", "twice"])
def test_names_that_mean_nothing(wanted):
    with pytest.raises(ValueError, match=r"The model has no outputs \[.*, only a, b, c. Give names of those"):
        chosen(wanted, ["a", "b", "c"], "outputs")


def test_other_names_for_the_inputs_that_are_made_up():
    conf = Torch2ONNXConfig(
        "fp32", input_names=["ids", "mask"], dynamic_axes={"ids": {0: "batch"}, "mask": {0: "batch"}}
    )
    part = forward_part(tiny_model("bert"), conf)
    assert part.names == {"input_ids": "ids", "attention_mask": "mask"}
    assert part.axes == {"input_ids": {0: "batch"}, "attention_mask": {0: "batch"}}
    assert set(part.names) < set(part.batches[0])
    own = Torch2ONNXConfig("fp32", input_names=["input_ids", "position_ids"])  # not among the usual ones
    assert set(forward_part(tiny_model("bert"), own).batches[0]) == {"input_ids", "position_ids"}


def test_what_changes_nothing_is_said(caplog):
    conf = Torch2ONNXConfig(dtype="int8", opset_version=18, recipe="QDQ_OP_FP32_BIAS")
    assert conf == Torch2ONNXConfig()
    assert caplog.messages == [
        "`recipe` of a Torch2ONNXConfig changes nothing: biases are added in float, whatever the recipe."
    ]
