import pytest
import torch
from single_layers import ROWS, every_weight, half_precision, twin_of
from torch import nn

from inc_hf.quantize.functional import quantize_weight
from inc_hf.quantize.nn import empty_twin
from inc_hf.quantize.scheme import Scheme


@every_weight
@pytest.mark.parametrize("shape", [(7,), (2, 5), (0,)], ids=["vector", "batch", "empty"])
def test_qembedding_is_a_dequantized_lookup(shape, weight):
    embedding, ids = nn.Embedding(11, 6), torch.randint(0, 11, shape)
    twin = twin_of(embedding, Scheme(weight))
    codes, scale = quantize_weight(embedding.weight, weight.num_bits, weight.per_channel)
    assert torch.equal(twin(ids), nn.functional.embedding(ids, codes * scale))
    assert twin.codes.dtype == torch.int8 and torch.equal(twin.codes, codes)


@pytest.mark.parametrize("num_embeddings", [1, 11], ids=["one row", "rows"])
def test_qembedding_shows_its_float_weight(num_embeddings):
    twin = twin_of(nn.Embedding(num_embeddings, 6), ROWS)
    assert twin.weight.dtype == torch.float32
    assert torch.equal(twin.weight, twin.codes * twin.weight_scale)
    assert torch.equal(twin(torch.arange(num_embeddings)), twin.weight)


def test_qembedding_keeps_its_padding():
    embedding = nn.Embedding(11, 6, padding_idx=3)
    twin = twin_of(embedding, ROWS)
    assert twin.padding_idx == 3
    assert not twin(torch.tensor([3])).any() and twin(torch.tensor([2])).all()


def test_qembedding_refuses_ids_out_of_range():
    with pytest.raises(IndexError):
        twin_of(nn.Embedding(11, 6), ROWS)(torch.tensor([11]))


@half_precision
def test_half_precision_embeddings(dtype):
    embedding, ids = nn.Embedding(11, 6).to(dtype), torch.arange(11)
    twin = twin_of(embedding, ROWS)
    assert twin(ids).dtype == twin.weight.dtype == dtype and twin.weight_scale.dtype == torch.float32
    codes, scale = quantize_weight(embedding.weight)
    assert torch.equal(twin(ids), (codes * scale).to(dtype))


def test_the_state_dict_of_an_embedding():
    module = nn.Embedding(11, 6)
    twin, other = twin_of(module, ROWS), empty_twin(module, ROWS)
    assert {name: tensor.dtype for name, tensor in twin.state_dict().items()} == {
        "weight": torch.int8,
        "weight_scale": torch.float32,
    }
    other.load_state_dict(twin.state_dict())
    assert torch.equal(other.weight, twin.weight)
