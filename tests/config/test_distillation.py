from pathlib import Path

import pytest
import torch
from torch import nn

from inc_hf.config import (
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    SelfKnowledgeDistillationLossConfig,
)


def error(error_type, make, **fields):
    with pytest.raises(error_type) as caught:
        make(**fields)
    return str(caught.value)


# KnowledgeDistillationLossConfig


def test_knowledge_distillation_config():
    loss = KnowledgeDistillationLossConfig(2, ["CE", "KL"], [0, 1])
    assert loss.config == {
        "KnowledgeDistillationLoss": {"temperature": 2.0, "loss_types": ["CE", "KL"], "loss_weights": [0.0, 1.0]}
    }
    assert KnowledgeDistillationLossConfig().config == {
        "KnowledgeDistillationLoss": {"temperature": 1.0, "loss_types": ["CE", "CE"], "loss_weights": [0.5, 0.5]}
    }


def test_defaults_are_not_shared():
    KnowledgeDistillationLossConfig().loss_weights[0] = 9
    DistillationConfig().criterion.temperature = 9
    DistillationConfig().optimizer["SGD"] = None
    assert KnowledgeDistillationLossConfig().loss_weights == [0.5, 0.5]
    assert DistillationConfig() == DistillationConfig(
        None, KnowledgeDistillationLossConfig(), {"SGD": {"learning_rate": 0.0001}}
    )


@pytest.mark.parametrize(
    "fields, text",
    [
        ({"temperature": 0}, "`temperature` must be a finite number in (0, inf), got 0."),
        ({"loss_types": ["CE"]}, "`loss_types` must have two items, for the labels and for the teacher, got 1."),
        ({"loss_types": ["KL", "KL"]}, "`loss_types[0]` must be one of CE, MSE, got 'KL'"),
        ({"loss_types": ["CE", "KLD"]}, "`loss_types[1]` must be one of CE, KL, MSE, got 'KLD'; did you mean 'KL'?"),
        ({"loss_weights": [0.5, 0.6]}, "`loss_weights` must have the sum 1, got [0.5, 0.6]."),
        ({"loss_weights": [-0.5, 1.5]}, "`loss_weights[0]` must be a finite number in [0, 1], got -0.5."),
        ({"loss_weights": [1.0]}, "`loss_weights` must have two items, for the labels and for the teacher, got 1."),
    ],
    ids=["temperature", "one type", "label type", "teacher type", "sum", "negative", "one weight"],
)
def test_knowledge_distillation_errors(fields, text):
    assert text in error(ValueError, KnowledgeDistillationLossConfig, **fields)


def test_weights_may_miss_the_sum_by_rounding():
    assert KnowledgeDistillationLossConfig(loss_weights=[0.9, 1 - 0.9]).loss_weights == [0.9, 1 - 0.9]


# IntermediateLayersKnowledgeDistillationLossConfig


@pytest.mark.parametrize(
    "mapping, stored",
    [
        ([("encoder",)], [["encoder"], ["encoder"]]),
        ([("encoder", "0")], [["encoder", "0"], ["encoder", "0"]]),
        ([("s",), ("t",)], [["s"], ["t"]]),
        ([("s", 0), ("t", "hidden")], [["s", 0], ["t", "hidden"]]),
        ((["s"], ["t", len]), [["s"], ["t", len]]),
        (["s", "t"], [["s"], ["t"]]),
        (["", "t"], [[""], ["t"]]),
    ],
    ids=["same", "same with key", "two", "two with picker", "function", "strings", "whole model"],
)
def test_layer_mapping_forms(mapping, stored):
    loss = IntermediateLayersKnowledgeDistillationLossConfig(layer_mappings=[mapping])
    assert loss.layer_mappings == [stored]
    assert (loss.loss_types, loss.loss_weights) == (["MSE"], [1.0])


def test_same_layer_gives_two_lists():
    ((student, teacher),) = IntermediateLayersKnowledgeDistillationLossConfig([[("a",)]]).layer_mappings
    assert student == teacher
    assert student is not teacher


def test_layer_losses():
    cosine = nn.CosineEmbeddingLoss()
    loss = IntermediateLayersKnowledgeDistillationLossConfig(
        [["a", "b"], ["c", "d"], ["e", "f"], ["g", "h"]], ["MSE", "KL", "L1", cosine], [0.1, 0.2, 0.3, 1], True
    )
    assert loss.loss_types == ["MSE", "KL", "L1", cosine]
    assert loss.loss_weights == [0.1, 0.2, 0.3, 1.0]
    assert loss.add_origin_loss is True
    two = IntermediateLayersKnowledgeDistillationLossConfig([["a", "b"], ["c", "d"]])
    assert (two.loss_types, two.loss_weights) == (["MSE", "MSE"], [0.5, 0.5])
    assert list(two.config) == ["IntermediateLayersKnowledgeDistillationLoss"]


@pytest.mark.parametrize(
    "fields, error_type, text",
    [
        (
            {"layer_mappings": [[]]},
            ValueError,
            "`layer_mappings[0]` must be [(layer,)] or [(student_layer,), (teacher",
        ),
        ({"layer_mappings": [["a", "b", "c"]]}, ValueError, "(teacher_layer,)], got 3 layers."),
        (
            {"layer_mappings": [[("a", 1, 2)]]},
            ValueError,
            "`layer_mappings[0][0]` must be (layer name,) or (layer name",
        ),
        ({"layer_mappings": ["a"]}, TypeError, "`layer_mappings[0]` must be a list, got 'a' (str)."),
        ({"layer_mappings": [[(1,)]]}, TypeError, "`layer_mappings[0][0][0]` must be a string, got 1 (int)."),
        (
            {"layer_mappings": [[("a", None)]]},
            TypeError,
            "must be a key, an index or a function, got None (NoneType).",
        ),
        (
            {"loss_types": ["MSE"]},
            ValueError,
            "`loss_types` must have one item per item of `layer_mappings`, 0, got 1.",
        ),
        (
            {"layer_mappings": [["a", "b"]], "loss_types": ["L2"]},
            ValueError,
            "`loss_types[0]` must be one of MSE, KL, L1, got 'L2'.",
        ),
        (
            {"layer_mappings": [["a", "b"]], "loss_weights": [2]},
            ValueError,
            "`loss_weights[0]` must be a finite number in [0, 1], got 2.",
        ),
        ({"add_origin_loss": "yes"}, TypeError, "`add_origin_loss` must be True or False, got 'yes' (str)."),
    ],
    ids=["empty", "three", "triple", "string", "int", "none", "count", "type", "weight", "bool"],
)
def test_intermediate_errors(fields, error_type, text):
    assert text in error(error_type, IntermediateLayersKnowledgeDistillationLossConfig, **fields)


# SelfKnowledgeDistillationLossConfig


def test_self_distillation():
    groups = [[("feature0", "feature2"), ("feature1", "feature2")], [["logits0", "logits2"]]]
    loss = SelfKnowledgeDistillationLossConfig(groups, 3, ["L2", "KL"], [0.25, 0.75])
    assert loss.config == {
        "SelfKnowledgeDistillationLoss": {
            "layer_mappings": [[["feature0", "feature2"], ["feature1", "feature2"]], [["logits0", "logits2"]]],
            "temperature": 3.0,
            "loss_types": ["L2", "KL"],
            "loss_weights": [0.25, 0.75],
            "add_origin_loss": False,
        }
    }
    filled = SelfKnowledgeDistillationLossConfig(groups)
    assert (filled.loss_types, filled.loss_weights) == (["CE", "CE"], [0.5, 0.5])


@pytest.mark.parametrize(
    "fields, error_type, text",
    [
        (
            {"layer_mappings": [[["a"]]]},
            ValueError,
            "`layer_mappings[0][0]` must be a pair of keys, [shallow, deep], got 1",
        ),
        ({"layer_mappings": [["a", "b"]]}, TypeError, "`layer_mappings[0][0]` must be a list, got 'a' (str)."),
        ({"layer_mappings": [[["a", 1]]]}, TypeError, "`layer_mappings[0][0][1]` must be a string, got 1 (int)."),
        (
            {"layer_mappings": [[["a", "b"]]], "loss_types": ["MSE"]},
            ValueError,
            "must be one of CE, KL, L2, got 'MSE'",
        ),
        ({"temperature": -1}, ValueError, "`temperature` must be a finite number in (0, inf), got -1."),
    ],
    ids=["single", "flat", "int", "type", "temperature"],
)
def test_self_distillation_errors(fields, error_type, text):
    assert text in error(error_type, SelfKnowledgeDistillationLossConfig, **fields)


# DistillationConfig

EXPECTED = KnowledgeDistillationLossConfig(temperature=2.0)


@pytest.mark.parametrize(
    "criterion, expected",
    [
        (EXPECTED, EXPECTED),
        (None, KnowledgeDistillationLossConfig()),
        ({"KnowledgeDistillationLoss": {"temperature": 2}}, EXPECTED),
        ({"KnowledgeDistillationLoss": EXPECTED}, EXPECTED),
        ({"KnowledgeDistillationLoss": None}, KnowledgeDistillationLossConfig()),
        ('{"KnowledgeDistillationLoss": {"temperature": 2}}', EXPECTED),
        (
            {"IntermediateLayersKnowledgeDistillationLoss": {"layer_mappings": [["a", "b"]]}},
            IntermediateLayersKnowledgeDistillationLossConfig([["a", "b"]]),
        ),
        ({"SelfKnowledgeDistillationLoss": {}}, SelfKnowledgeDistillationLossConfig()),
    ],
    ids=["object", "none", "dict", "dict of object", "dict of none", "json", "intermediate", "self"],
)
def test_criterion_forms(criterion, expected):
    assert DistillationConfig(criterion=criterion).criterion == expected


LAYERS = IntermediateLayersKnowledgeDistillationLossConfig([["a", "b"]])


@pytest.mark.parametrize(
    "criterion, expected",
    [
        ([EXPECTED, LAYERS], [EXPECTED, LAYERS]),
        ((EXPECTED,), [EXPECTED]),
        ([{"KnowledgeDistillationLoss": {"temperature": 2}}, None], [EXPECTED, KnowledgeDistillationLossConfig()]),
        (' [{"KnowledgeDistillationLoss": {"temperature": 2}}]', [EXPECTED]),
    ],
    ids=["objects", "tuple", "dict and none", "json"],
)
def test_several_criteria(criterion, expected):
    config = DistillationConfig(criterion=criterion)
    assert config.criterion == expected
    assert DistillationConfig.from_dict(config.to_dict()) == config


def test_several_criteria_in_to_dict():
    plain = DistillationConfig(criterion=[EXPECTED, LAYERS]).to_dict()["criterion"]
    assert [list(loss) for loss in plain] == [
        ["KnowledgeDistillationLoss"],
        ["IntermediateLayersKnowledgeDistillationLoss"],
    ]


@pytest.mark.parametrize(
    "criterion, error_type, text",
    [
        ([], ValueError, "`criterion` is an empty list; give at least one loss, or None for the default."),
        ([EXPECTED, 3], TypeError, "`criterion` must be an object of KnowledgeDistillationLossConfig, Intermediate"),
        (
            {"KnowledgeDistilationLoss": {}},
            ValueError,
            "`criterion` must be one of KnowledgeDistillationLoss, IntermediateLayersKnowledgeDistillationLoss, "
            "SelfKnowledgeDistillationLoss, got 'KnowledgeDistilationLoss'; did you mean 'KnowledgeDistillationLoss'?",
        ),
        (
            {"KnowledgeDistillationLoss": {"temperatur": 1}},
            ValueError,
            "has no field 'temperatur', only temperature, loss_types, loss_weights; did you mean 'temperature'?",
        ),
        ({}, ValueError, "`criterion` must be a dict of one loss, {name: settings} with the name one of Knowledge"),
        ({"temperature": 1, "loss_types": []}, ValueError, "got the keys ['temperature', 'loss_types']."),
        (nn.MSELoss(), TypeError, "`criterion` must be an object of KnowledgeDistillationLossConfig, Intermediate"),
        ("KL", ValueError, "`criterion` must be one of KnowledgeDistillationLoss, "),
        ("{KL}", ValueError, "`criterion` is not valid JSON"),
    ],
    ids=["empty list", "item", "name", "setting", "empty", "two keys", "module", "text", "broken text"],
)
def test_criterion_errors(criterion, error_type, text):
    assert text in error(error_type, DistillationConfig, criterion=criterion)


class Named(nn.Linear):
    name_or_path = "me/teacher"


@pytest.mark.parametrize(
    "teacher, plain",
    [
        ("me/teacher", "me/teacher"),
        (Path("me") / "teacher", "me/teacher"),
        (Named(2, 2), "me/teacher"),
        (nn.Linear(2, 2), None),
        (None, None),
    ],
    ids=["name", "path", "named module", "module", "none"],
)
def test_teacher_in_to_dict(teacher, plain):
    config = DistillationConfig(teacher)
    assert config.teacher_model is teacher
    values = config.to_dict()
    assert values["teacher_model"] == plain
    assert values["criterion"] == {
        "KnowledgeDistillationLoss": {"temperature": 1.0, "loss_types": ["CE", "CE"], "loss_weights": [0.5, 0.5]}
    }
    assert values["optimizer"] == {"SGD": {"learning_rate": 0.0001}}
    assert DistillationConfig.from_dict(config.to_dict()).teacher_model == plain


def test_what_json_cannot_hold_is_refused_when_it_comes_back():
    loss = IntermediateLayersKnowledgeDistillationLossConfig([[("a", torch.sum), ("b",)]])
    assert loss.to_dict()["layer_mappings"] == [[["a", None], ["b"]]]
    text = error(TypeError, IntermediateLayersKnowledgeDistillationLossConfig.from_dict, values=loss.to_dict())
    assert text == "`layer_mappings[0][0][1]` must be a key, an index or a function, got None (NoneType)."
