import pytest
import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from inc_hf.prune.layout import from_matrix, matrix_shape, to_matrix

LAYERS = {
    "linear": (nn.Linear(6, 4), (4, 6)),
    "conv1d": (nn.Conv1d(3, 4, 5), (4, 15)),
    "conv2d": (nn.Conv2d(3, 4, (2, 5)), (4, 30)),
    "transformers.Conv1D": (Conv1D(4, 6), (4, 6)),
}


@pytest.mark.parametrize(("module", "shape"), LAYERS.values(), ids=LAYERS)
def test_there_and_back(module, shape):
    matrix = to_matrix(module, module.weight)
    assert tuple(matrix.shape) == matrix_shape(module) == shape
    assert torch.equal(from_matrix(module, matrix), module.weight)


def test_a_row_is_an_output_channel_and_its_inputs_come_last():
    conv = nn.Conv2d(2, 3, (1, 2))
    matrix = to_matrix(conv, conv.weight)
    for out in range(3):
        by_hand = [conv.weight[out, channel, 0, w] for w in range(2) for channel in range(2)]
        assert torch.equal(matrix[out], torch.stack(by_hand))


def test_what_is_not_a_convolution_is_a_view():
    for module in (nn.Linear(6, 4), Conv1D(4, 6)):
        assert to_matrix(module, module.weight).data_ptr() == module.weight.data_ptr()
