from collections import OrderedDict

import pytest
from torch import nn
from transformers.pytorch_utils import Conv1D


@pytest.fixture
def model():
    """Layers of every kind that can be quantized, and of some that cannot."""
    blocks = [nn.ModuleDict({"query": nn.Linear(6, 6), "key": nn.Linear(6, 6)}) for _ in range(2)]
    return nn.ModuleDict(
        OrderedDict(
            words=nn.Embedding(11, 6),
            patch=nn.Conv2d(3, 6, 2),
            blocks=nn.ModuleList(blocks),
            norm=nn.LayerNorm(6),
            mix=Conv1D(6, 6),
            wave=nn.Conv1d(6, 6, 3),
            attention=nn.MultiheadAttention(6, 2),
            head=nn.Linear(6, 11),
            labels=nn.Embedding(4, 6),
        )
    )
