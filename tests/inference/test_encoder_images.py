"""ViT and DeiT in one native call."""

import copy

import pytest
import torch
from native_calls import Calls
from tiny import quantized
from torch import nn
from transformers import DeiTConfig, DeiTForImageClassification, ViTConfig, ViTForImageClassification

from inc_hf import mix_precision, ops, optimize
from inc_hf.config import MixedPrecisionConfig

pytestmark = pytest.mark.skipif(not ops.is_native(), reason=f"no native kernels: {ops.why_unavailable()}")
SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
KINDS = {"vit": (ViTForImageClassification, ViTConfig), "deit": (DeiTForImageClassification, DeiTConfig)}


@pytest.fixture(params=KINDS)
def model(request):
    kind, config = KINDS[request.param]
    torch.manual_seed(0)
    model = kind(config(image_size=16, patch_size=4, **SIZES)).eval()
    for parameter in model.parameters():
        if not parameter.any():  # tokens of zeros have no direction to compare
            nn.init.normal_(parameter, std=0.1)
    return model


def base(model):
    return model.base_model


def run(model, pixels, **how):
    """The output of the base model, and whether it came from the encoder."""
    with Calls() as calls, torch.no_grad():
        output = base(model)(pixel_values=pixels, **how)
    return output, calls.count == 1


def images(size=16, count=3):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("kind", ["dynamic", "static", "bf16"])
def test_it_computes_what_the_layers_do(model, kind):
    if kind == "bf16":
        model = mix_precision.fit(model, MixedPrecisionConfig()).model
    elif kind == "dynamic":
        model = quantized(model).model
    else:
        model = quantized(model, "static").model
    expected, by_encoder = run(model, images(), output_hidden_states=True)
    assert not by_encoder
    with torch.no_grad():
        logits = model(images()).logits
    output, by_encoder = run(optimize(model, attention="fp32"), images(), output_hidden_states=True)
    assert by_encoder and type(output) is type(expected) and output.keys() == expected.keys()
    assert len(output.hidden_states) == len(expected.hidden_states) == 4
    pairs = [*zip(output.hidden_states, expected.hidden_states, strict=True)]
    for x, y in [*pairs, (output.last_hidden_state, expected.last_hidden_state)]:
        assert torch.cosine_similarity(x, y, dim=-1).min() > 0.999
    with torch.no_grad():
        torch.testing.assert_close(model(images()).logits, logits, rtol=0.05, atol=0.02)


def test_an_image_does_not_depend_on_its_batch_bit_for_bit(model):
    optimize(quantized(model).model)
    together = run(model, images())[0].last_hidden_state
    alone = torch.cat([run(model, image[None])[0].last_hidden_state for image in images()])
    assert torch.equal(alone, together)


def test_images_of_another_size(model):
    fast = optimize(copy.deepcopy(quantized(model).model), attention="fp32")
    expected, _ = run(model, images(24), interpolate_pos_encoding=True)
    output, by_encoder = run(fast, images(24), interpolate_pos_encoding=True)
    assert by_encoder
    assert torch.cosine_similarity(output.last_hidden_state, expected.last_hidden_state, dim=-1).min() > 0.999
    with pytest.raises(ValueError, match="doesn't match model"):
        run(fast, images(24))


def test_what_the_layers_do_instead(model):
    fast = optimize(quantized(model).model)
    base(fast).set_attn_implementation("eager")
    output, by_encoder = run(fast, images(), output_attentions=True)
    assert not by_encoder and len(output.attentions) == 3
    assert not run(fast, images().double())[1] and not run(fast.train(), images())[1]
    pixels = images().requires_grad_()
    base(fast.eval())(pixel_values=pixels).last_hidden_state.square().sum().backward()
    assert pixels.grad.abs().sum() > 0
