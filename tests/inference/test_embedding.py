"""Embeddings of optimized encoders: one native call gives what their modules give, or these run."""

import pytest
import torch
from native_calls import Calls
from tiny import quantized, tiny_model
from torch import nn

from inc_hf import ops, optimize
from inc_hf.inference.encoder.embedding import embedded
from inc_hf.inference.encoder.family import Tokens

pytestmark = pytest.mark.skipif(not ops.is_native(), reason=f"no native kernels: {ops.why_unavailable()}")
FAMILIES = ["bert", "roberta", "electra", "distilbert", "albert", "mpnet"]
TOKENS = Tokens(torch.tensor([[5, 9, 7, 3]]), None, None, torch.tensor([[0, 1, 2, 0]]))


def embeddings_of(family: str, kind: str = "dynamic") -> nn.Module:
    model = tiny_model(family) if kind == "float" else optimize(quantized(family, kind).model)
    return getattr(model, model.base_model_prefix).embeddings


def run(embeddings, tokens=TOKENS):
    """What comes out, and whether of the native call."""
    with Calls("embed") as calls, torch.no_grad():
        found = embedded(embeddings, tokens)
    return found, calls.count == 1


@pytest.mark.parametrize("kind", ["dynamic", "float"])
@pytest.mark.parametrize("family", FAMILIES)
def test_it_gives_what_the_modules_give(family, kind):
    embeddings = embeddings_of(family, kind)
    found, is_native = run(embeddings)
    with torch.no_grad():
        expected = embeddings(input_ids=TOKENS.input_ids, position_ids=TOKENS.position_ids)
    assert is_native
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_types_of_tokens_count():
    embeddings = embeddings_of("bert")
    types = torch.tensor([[0, 0, 1, 1]])
    found, is_native = run(embeddings, TOKENS._replace(token_type_ids=types))
    expected = embeddings(TOKENS.input_ids, types, TOKENS.position_ids)
    assert is_native
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def listened_to(embeddings):
    embeddings.word_embeddings.register_forward_hook(lambda module, args, output: output + 1)


def of_another_class(embeddings):
    class Prompts(type(embeddings)):
        pass

    embeddings.__class__ = Prompts


def with_a_limit(embeddings):
    embeddings.position_embeddings = nn.Embedding(4, embeddings.LayerNorm.weight.numel(), max_norm=1.0)


@pytest.mark.parametrize("change", [listened_to, of_another_class, with_a_limit])
def test_modules_that_do_more_run_themselves(change):
    embeddings = embeddings_of("bert")
    change(embeddings)
    found, is_native = run(embeddings)
    assert not is_native and torch.equal(found, embeddings(TOKENS.input_ids, position_ids=TOKENS.position_ids))


def test_gradients_are_for_the_modules():
    found = embedded(embeddings_of("bert", "float"), TOKENS)
    assert found.requires_grad


def test_embeddings_that_are_given_are_taken():
    embeddings = embeddings_of("bert")
    hidden = torch.randn(1, 4, embeddings.LayerNorm.weight.numel())
    found, is_native = run(embeddings, TOKENS._replace(input_ids=None, inputs_embeds=hidden))
    assert not is_native and found.shape == hidden.shape
