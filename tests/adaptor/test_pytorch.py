"""What INC's scripts take from `adaptor.pytorch`."""

import pytest
import torch
from fitting import images, net
from tiny import tiny_inputs, tiny_model

from inc_hf import Model
from inc_hf.adaptor.pytorch import PyTorchVersionMode, get_example_inputs, get_ipex_version, get_torch_version
from inc_hf.config import Torch2ONNXConfig
from inc_hf.data import DataLoader
from inc_hf.errors import UsageError


def test_versions():
    assert get_torch_version().release >= (2, 0) and str(get_torch_version()) in torch.__version__
    assert get_torch_version() > PyTorchVersionMode.PT111.value > PyTorchVersionMode.PT17.value
    assert get_ipex_version() is None or get_ipex_version().release


def test_example_inputs():
    bert = tiny_model("bert")
    inputs = tiny_inputs(bert)
    for loader in ([inputs], [(inputs, torch.tensor([0, 1, 0]))], [{**inputs, "labels": torch.tensor([0, 1, 0])}]):
        found = get_example_inputs(Model(bert), loader)
        assert set(found) == set(inputs) and all(torch.equal(found[name], inputs[name]) for name in inputs)
        assert Torch2ONNXConfig(example_inputs=found).example_inputs is found
    samples = [(image, 0) for image in images(4)]
    assert torch.equal(get_example_inputs(net(), DataLoader("pytorch", samples, batch_size=2)), images(4)[:2])
    assert get_example_inputs(bert, None) is None


def test_wrong_uses():
    with pytest.raises(UsageError, match="`dataloader` is empty"):
        get_example_inputs(net(), [])
    with pytest.raises(TypeError, match="`model` must be a torch.nn.Module, got str"):
        get_example_inputs("model", [images()])
