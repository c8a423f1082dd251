import copy

import pytest
import torch
from single_layers import DYNAMIC, ROWS, every_scheme, hooks, quantized
from tiny import tiny_model
from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.quantize import resolve_schemes
from inc_hf.quantize.functional import quantize_weight
from inc_hf.quantize.nn import QEmbedding, QLinear, quantized_modules
from inc_hf.quantize.scheme import Scheme, WeightScheme


class Shared(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.blocks = nn.ModuleList([nn.Sequential(self.first), nn.ModuleDict({"again": self.first})])
        self.last = nn.Linear(4, 4)

    def forward(self, x):
        return self.last(self.blocks[1]["again"](self.blocks[0](self.first(x))))


SHARED_NAMES = ["first", "blocks.0.0", "blocks.1.again"]


@every_scheme
@pytest.mark.parametrize("names", [SHARED_NAMES, SHARED_NAMES[2:]], ids=["all names", "one name"])
def test_a_shared_module_is_replaced_at_all_its_paths(names, scheme):
    model, x = Shared(), torch.randn(2, 4)
    with torch.no_grad():
        expected = model(x)
    quantized(model, dict.fromkeys(names, scheme), x)
    assert type(model.first) is QLinear and type(model.last) is nn.Linear
    assert all(model.get_submodule(name) is model.first for name in SHARED_NAMES)
    assert len(quantized_modules(model)) == 1 and hooks(model) == 0
    with torch.no_grad():
        assert (model(x) - expected).norm() < 0.05 * expected.norm()


def tied_model():
    model = nn.ModuleDict({"words": nn.Embedding(11, 6), "other": nn.Embedding(11, 6), "head": nn.Linear(6, 11)})
    model["head"].weight = model["words"].weight
    return model


def test_tied_weights_share_one_int8_tensor():
    model = tied_model()
    expected, expected_scale = quantize_weight(model["words"].weight)
    quantized(model, {"words": ROWS, "other": ROWS, "head": DYNAMIC})
    words, other, head = (model[name] for name in ("words", "other", "head"))
    assert words.codes is head.codes and other.codes is not words.codes
    assert torch.equal(words.codes, expected)
    assert torch.equal(words.weight_scale, expected_scale) and torch.equal(head.weight_scale, expected_scale)


def test_tied_weights_are_one_tensor_also_in_a_copy():
    model = quantized(tied_model(), {"words": ROWS, "other": ROWS, "head": DYNAMIC})
    copied = copy.deepcopy(model)
    assert copied["words"].codes is copied["head"].codes is not model["head"].codes
    for each in (model, copied):
        assert len({buffer.data_ptr() for buffer in each.buffers() if buffer.dtype == torch.int8}) == 2
    assert model["words"].weight is model["head"].weight


@pytest.mark.parametrize("order", [["words", "head"], ["head", "words"]], ids=["embedding first", "linear first"])
def test_tied_weights_in_either_order(order):
    model = nn.ModuleDict({name: tied_model()[name] for name in order})
    model["head"].weight = model["words"].weight
    quantized(model, {"words": ROWS, "head": DYNAMIC})
    assert model["words"].codes is model["head"].codes


def test_tied_weights_of_different_schemes_are_two_tensors():
    model = quantized(tied_model(), {"words": ROWS, "head": Scheme(WeightScheme(4))})
    assert model["words"].codes.abs().max() == 127 and model["head"].codes.abs().max() == 7


def test_weights_that_overlap_without_being_tied():
    """Views of one tensor that begin at the same address but differ in shape or layout."""
    block = torch.randn(6, 6)
    model = nn.ModuleDict({name: nn.Linear(6, 6) for name in ("whole", "top", "transposed")})
    model["whole"].weight = nn.Parameter(block)
    model["top"].weight = nn.Parameter(block[:2])
    model["top"].bias = None
    model["transposed"].weight = nn.Parameter(block.T)
    quantized(model, dict.fromkeys(model, DYNAMIC))
    for name, weight in {"whole": block, "top": block[:2], "transposed": block.T}.items():
        assert torch.equal(model[name].codes, quantize_weight(weight)[0]), name


@pytest.mark.parametrize("name", ["gpt2", "opt"])
def test_tied_heads_of_language_models(name):
    model = tiny_model(name)
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    assert embedding.weight is head.weight
    conf = PostTrainingQuantConfig(approach="dynamic", op_name_dict={"lm_head": {"weight": {"dtype": ["int8"]}}})
    quantized(model, resolve_schemes(model, conf))
    embedding, head = model.get_input_embeddings(), model.get_output_embeddings()
    assert type(embedding) is QEmbedding and type(head) is QLinear and embedding.codes is head.codes
