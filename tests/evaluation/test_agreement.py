"""The share of answers that two models give alike."""

import torch
from tiny import tiny_inputs, tiny_model

from inc_hf.evaluation.agreement import agreement


def batches(model, labels):
    return [{**tiny_inputs(model, len(labels)), "labels": torch.tensor(labels)}]


def opposed(model, rows):
    """The same model, whose answer to these rows is another one."""
    forward = model.forward

    def other(**inputs):
        output = forward(**inputs)
        output.logits[rows] = -output.logits[rows]
        return output

    model.forward = other
    return model


def test_classes():
    model, other = tiny_model("bert"), opposed(tiny_model("bert"), [1, 3])
    assert agreement(model, tiny_model("bert"), batches(model, [0, 1, 0, 1]), "text-classification") == 1
    assert agreement(model, other, batches(model, [0, 1, 0, 1]), "text-classification") == 0.5
    assert agreement(model, other, batches(model, [0, -100, 0, 1]), "text-classification") == 2 / 3


def test_numbers_have_none():
    model = tiny_model("bert", num_labels=1)
    assert agreement(model, model, batches(model, [0.5, 1.0]), "text-classification") is None
