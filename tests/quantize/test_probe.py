import pytest
import torch
from tiny import tiny_inputs, tiny_model
from torch import nn

from inc_hf.quantize.probe import first_input, reached_modules


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Linear(6, 2)
        self.words = nn.Embedding(9, 6)
        self.read_only = nn.Embedding(4, 6)
        self.unused = nn.Linear(6, 6)
        self.norm = nn.LayerNorm(6)
        self.conv = nn.Conv1d(6, 6, 3)
        self.alias = self.head

    def forward(self, ids):
        x = self.norm(self.words(input=ids) + self.read_only.weight[0])
        x = self.conv(x.transpose(1, 2)).transpose(1, 2)
        return self.head(x[:, 0]) + self.head(x).sum()


def hooks(model):
    return [name for name, m in model.named_modules() if m._forward_pre_hooks or m._forward_pre_hooks_with_kwargs]


def test_first_input():
    a, b = torch.zeros(1), torch.ones(1)
    assert first_input((a, b), {}) is a
    assert first_input((a,), {"x": b}) is a
    assert first_input((), {"x": b, "y": a}) is b


def test_reached_modules_in_the_order_of_the_calls():
    model = Model()
    reached = reached_modules(model, lambda: model(torch.zeros(2, 5, dtype=torch.long)))
    assert list(reached.items()) == [("words", 2), ("conv", 3), ("head", 2), ("alias", 2)]
    assert hooks(model) == []


def test_nothing_is_reached_without_a_call():
    assert reached_modules(Model(), lambda: None) == {}


def test_hooks_are_removed_after_an_error():
    model = Model()
    with pytest.raises(IndexError):
        reached_modules(model, lambda: model(torch.full((2, 5), 99)))
    assert hooks(model) == []


def test_other_hooks_stay():
    model = Model()
    calls = []
    model.words.register_forward_pre_hook(lambda module, args: calls.append(1))
    reached_modules(model, lambda: model.words(torch.zeros(2, 5, dtype=torch.long)))
    assert hooks(model) == ["words"] and calls == [1]


def test_the_forward_pass_records_no_gradients():
    model = Model()
    outputs = []
    reached_modules(model, lambda: outputs.append(model(torch.zeros(2, 5, dtype=torch.long))))
    assert not outputs[0].requires_grad


def test_the_out_projection_of_attention_is_not_reached():
    attention = nn.MultiheadAttention(8, 2)
    x = torch.randn(3, 1, 8)
    assert reached_modules(attention, lambda: attention(x, x, x)) == {}


def test_bert():
    model = tiny_model("bert")
    reached = reached_modules(model, lambda: model(**tiny_inputs(model)))
    names = list(reached)
    assert names[0] == "bert.embeddings.word_embeddings" and names[-1] == "classifier"
    assert names.index("bert.encoder.layer.0.attention.self.query") < names.index(
        "bert.encoder.layer.0.intermediate.dense"
    )
    assert reached["bert.encoder.layer.0.intermediate.dense"] == 3
    assert reached["bert.pooler.dense"] == reached["classifier"] == 2
    assert hooks(model) == []


def test_vit_reaches_its_convolution():
    model = tiny_model("vit")
    reached = reached_modules(model, lambda: model(**tiny_inputs(model)))
    assert next(iter(reached.items())) == ("vit.embeddings.patch_embeddings.projection", 4)
