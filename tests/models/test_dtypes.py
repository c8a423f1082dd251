import torch
from tiny import quantized, tiny_model
from torch import nn

from inc_hf.models.dtypes import float_dtypes


def test_of_a_model_in_one_and_in_two():
    model = nn.Sequential(nn.Linear(2, 2), nn.Embedding(3, 2))
    assert float_dtypes(model) == {torch.float32}
    model[1].to(torch.bfloat16)
    assert float_dtypes(model) == {torch.float32, torch.bfloat16}
    assert float_dtypes(tiny_model("bert").half()) == {torch.float16}


def test_integers_do_not_count_but_what_their_modules_give_back_does():
    model = quantized("bert").model
    assert float_dtypes(model) == {torch.float32}
    assert float_dtypes(nn.Sequential(model.classifier)) == {torch.float32}
