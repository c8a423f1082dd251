"""What scripts of 1.X import beside the components."""

import numpy as np
import pytest
import torch
from experimenting import BATCHES, net
from torch import nn

from inc_hf import PostTrainingQuantConfig, experimental, quantization
from inc_hf.errors import UsageError
from inc_hf.experimental import common
from inc_hf.experimental.common.criterion import (
    Criterions,
    PyTorchCrossEntropyLoss,
    PyTorchIntermediateLayersKnowledgeDistillationLoss,
    PyTorchKnowledgeDistillationLoss,
    criterion_registry,
)
from inc_hf.experimental.common.optimizer import Optimizers, PyTorchOptimizers, optimizer_registry
from inc_hf.experimental.data import DATASETS
from inc_hf.experimental.data.dataloaders.pytorch_dataloader import PyTorchDataLoader
from inc_hf.experimental.metric import METRICS


def test_model():
    module = net()
    model = common.Model(module, input_fn=None)
    assert model.model is module and torch.equal(model(BATCHES[0][0]), module(BATCHES[0][0]))
    assert model.framework() == "pytorch" and model.conv is module.conv
    quantized = quantization.fit(net(), PostTrainingQuantConfig(approach="dynamic"))
    assert common.Model(quantized).model is quantized.model and len(quantized.report_sparsity()[0]) == 3
    table, share = model.report_sparsity()
    assert share == 0 and "conv" in str(table)
    with pytest.raises(TypeError, match="torch.nn.Module"):
        common.Model(3)


def test_dataloader():
    rows = [(torch.full((2,), float(i)), i) for i in range(5)]
    loader = common.DataLoader(rows, 2, None, "discard")
    assert [labels.tolist() for _, labels in loader] == [[0, 1], [2, 3]] and loader.batch_size == 2
    assert len(list(common.DataLoader(rows))) == 5

    class Stream:
        def __iter__(self):
            return iter(rows)

    assert [len(labels) for _, labels in common.DataLoader(Stream(), batch_size=3)] == [3, 2]
    with pytest.raises(ValueError, match="`last_batch` must be one of rollover, discard"):
        common.DataLoader(rows, last_batch="drop")


def test_datasets_and_metrics_by_name():
    dataset = DATASETS("pytorch")["dummy"](shape=(6, 3, 8, 8), low=0.0, high=1.0, label=True)
    images, labels = next(iter(PyTorchDataLoader(dataset, batch_size=4)))
    assert images.shape == (4, 3, 8, 8) and np.asarray(labels).tolist() == [0] * 4
    metric = METRICS("pytorch")["topk"]()
    metric.update(torch.eye(3), torch.arange(3))
    assert metric.result() == 1


def test_losses():
    loss = PyTorchKnowledgeDistillationLoss(2.0, ["CE", "MSE"], [0.25, 0.75], teacher_model=net(2))
    x, y = BATCHES[0]
    student = net()(x)
    teacher = loss.teacher_model_forward(x)
    assert torch.equal(loss(student, y), nn.functional.cross_entropy(student, y))
    assert not teacher.requires_grad and loss.teacher_outputs is teacher
    expected = 0.25 * 3 + 0.75 * 4 * nn.functional.mse_loss(student / 2, teacher / 2)
    torch.testing.assert_close(loss.loss_cal_sloss(student, teacher, torch.tensor(3.0)), expected)
    with pytest.raises(ValueError, match="There is no teacher"):
        PyTorchKnowledgeDistillationLoss().teacher_model_forward(x)
    with pytest.raises(ValueError, match="sum 1"):
        PyTorchKnowledgeDistillationLoss(loss_weights=[1, 1])
    with pytest.raises(ValueError, match=r"`layer_mappings\[0\]` must be \[student_layer, teacher_layer\]"):
        PyTorchIntermediateLayersKnowledgeDistillationLoss([["a"]])


def test_losses_and_optimizers_by_name():
    kind, settings = Criterions("pytorch")["CrossEntropyLoss"]({"reduction": "sum"})()
    assert kind(**settings).reduction == "sum" and PyTorchCrossEntropyLoss()()[1] == {}
    kind, settings = Optimizers("pytorch")["SGD"]({"learning_rate": 0.1, "nesterov": True, "momentum": 0.9})()
    assert (kind, settings) == (torch.optim.SGD, {"lr": 0.1, "nesterov": True, "momentum": 0.9})
    kind, settings = PyTorchOptimizers()["AdamW"]({"beta_1": 0.8, "epsilon": 1e-7})()
    assert (kind, settings) == (torch.optim.AdamW, {"betas": (0.8, 0.999), "eps": 1e-7})
    with pytest.raises(ValueError, match="`optimizer` must be one of SGD, .* got 'sgd'"):
        Optimizers("pytorch")["sgd"]
    with pytest.raises(ValueError, match="TensorFlow"):
        Criterions("tensorflow")


def test_names_of_the_users_own():
    @optimizer_registry("Own", "pytorch")
    class Own:
        pass

    @criterion_registry("Own", "pytorch")
    class OwnLoss:
        pass

    assert Optimizers("pytorch")["Own"] is Own and Criterions("pytorch")["Own"] is OwnLoss


@pytest.mark.parametrize(
    "name, instead",
    [
        ("Graph_Optimization", "MixedPrecision"),
        ("GraphOptimization", "MixedPrecision"),
        ("ModelConversion", "quant_aware_training"),
        ("NAS", "Trainer.hyperparameter_search"),
        ("AutoDistillation", "Choose a student yourself"),
    ],
)
def test_what_is_not_here_says_where_to_go(name, instead):
    with pytest.raises(UsageError, match=instead):
        getattr(experimental, name)("conf.yaml")


def test_a_misspelt_name():
    with pytest.raises(AttributeError, match="did you mean '[Qq]uantization'"):
        experimental.Quantisation  # noqa: B018
    assert {"Quantization", "Scheduler"} <= set(dir(experimental))
