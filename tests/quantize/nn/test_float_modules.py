import pytest
import torch
from single_layers import ROWS
from torch import nn
from transformers.models.falcon.modeling_falcon import FalconLinear
from transformers.pytorch_utils import Conv1D

from inc_hf.quantize.nn import QEmbedding, QLinear, op_type, weight_matrix


class Renamed(nn.Linear):
    pass


class Scaled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Positions(nn.Embedding):
    def forward(self, mask):
        return super().forward(mask.cumsum(1))


class StandardizedConv(nn.Conv2d):
    def _conv_forward(self, x, weight, bias):
        return super()._conv_forward(x, weight - weight.mean(), bias)


class OwnConv1D(nn.Module):
    """Has the name but not the layout of the class of transformers."""


OwnConv1D.__name__ = "Conv1D"

OP_TYPES = {
    "Linear": (nn.Linear(2, 2), "Linear"),
    "Embedding": (nn.Embedding(2, 2), "Embedding"),
    "Conv1d": (nn.Conv1d(2, 2, 1), "Conv1d"),
    "Conv2d": (nn.Conv2d(2, 2, 1), "Conv2d"),
    "Conv1D of transformers": (Conv1D(2, 2), "Conv1D"),
    "subclass": (Renamed(2, 2), "Linear"),
    "padding_idx": (nn.Embedding(2, 2, padding_idx=1), "Embedding"),
    "subclass with its own forward": (Scaled(2, 2), None),
    "embedding with its own forward": (Positions(2, 2), None),
    "convolution with its own way": (StandardizedConv(2, 2, 1), None),
    "that of Falcon, which computes the same": (FalconLinear(2, 2), "Linear"),
    "max_norm": (nn.Embedding(2, 2, max_norm=1.0), None),
    "sparse": (nn.Embedding(2, 2, sparse=True), None),
    "reflected padding": (nn.Conv1d(2, 2, 3, padding=1, padding_mode="reflect"), None),
    "circular padding": (nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular"), None),
    "Conv3d": (nn.Conv3d(2, 2, 1), None),
    "ConvTranspose1d": (nn.ConvTranspose1d(2, 2, 1), None),
    "Bilinear": (nn.Bilinear(2, 2, 2), None),
    "EmbeddingBag": (nn.EmbeddingBag(2, 2), None),
    "out_proj": (nn.MultiheadAttention(2, 1).out_proj, None),
    "another Conv1D": (OwnConv1D(), None),
    "LayerNorm": (nn.LayerNorm(2), None),
    "twin": (QLinear(2, 2, True, ROWS, torch.float32), None),
    "twin of an embedding": (QEmbedding(2, 2, None, ROWS, torch.float32), None),
}


@pytest.mark.parametrize("module, expected", OP_TYPES.values(), ids=OP_TYPES)
def test_op_types(module, expected):
    assert op_type(module) == expected


def test_weight_matrix_has_the_outputs_first():
    assert weight_matrix(Conv1D(3, 5)).shape == (3, 5) == weight_matrix(nn.Linear(5, 3)).shape
