"""A BERT with modules that integers destroy, known by name."""

import torch
from tiny import tiny_model
from torch import nn

FAR = 1000.0
PLANTED = [
    "bert.embeddings.word_embeddings",
    "bert.encoder.layer.0.attention.output.dense",
    "bert.encoder.layer.0.output.dense",
    "bert.encoder.layer.1.output.dense",
]


@torch.no_grad()
def planted_bert() -> nn.Module:
    """Inputs of three layers have an outlier that their weight ignores, and each row of the word embeddings has one
    that the token types, which are exact in integers, take away: in float nothing of it is seen."""
    model = tiny_model("bert", num_hidden_layers=2, hidden_size=64, intermediate_size=128, num_labels=8).eval()
    first, second = model.bert.encoder.layer
    for layer in (first, second):
        layer.intermediate.dense.bias[0] = FAR  # gelu(1000) is 1000
        layer.output.dense.weight[:, 0] = 0
    first.attention.self.value.bias[0] = FAR
    first.attention.output.dense.weight[:, 0] = 0
    embeddings = model.bert.embeddings
    embeddings.word_embeddings.weight[:, 0] = FAR
    embeddings.token_type_embeddings.weight.zero_()
    embeddings.token_type_embeddings.weight[:, 0] = -FAR
    return model
