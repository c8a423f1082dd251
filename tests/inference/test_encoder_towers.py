"""The towers of CLIP and SigLIP, for texts and for images, in one native call each."""

import copy

import pytest
import torch
from native_calls import Calls
from paddings import PADDINGS
from tiny import tiny_model

from inc_hf import PostTrainingQuantConfig, mix_precision, ops, optimize
from inc_hf.config import MixedPrecisionConfig
from inc_hf.quantization import fit

pytestmark = pytest.mark.skipif(not ops.is_native(), reason=f"no native kernels: {ops.why_unavailable()}")
SIZES = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
TEXT = {**SIZES, "vocab_size": 96, "max_position_embeddings": 16, "projection_size": 32}
IMAGE = {**SIZES, "image_size": 16, "patch_size": 4}
END = 95
WAYS = {"clip": {}, "clip with an older config": {"eos_token_id": 2}, "siglip": {}}


def model_of(way, kind="dynamic", **text):
    name = way.split()[0]
    model = tiny_model(
        name, text_config={**TEXT, "eos_token_id": END, **WAYS[way], **text}, vision_config=IMAGE, projection_dim=16
    )
    if kind == "bf16":
        return mix_precision.fit(model, MixedPrecisionConfig()).model
    config = PostTrainingQuantConfig(approach=kind)
    return fit(model, config, calib_dataloader=[inputs_of()] if kind == "static" else None).model


def inputs_of(padding="none"):
    """Texts that end before their padding begins, and images."""
    torch.manual_seed(1)
    mask = torch.tensor(PADDINGS[padding])
    ids = torch.randint(5, END, mask.shape)
    ends = [row.nonzero().max() for row in mask]
    ids[torch.arange(3), torch.stack(ends)] = END
    return {"input_ids": ids, "attention_mask": mask, "pixel_values": torch.randn(3, 3, 16, 16)}


def run(model, **inputs):
    """The output of a model, and how often an encoder ran natively."""
    with Calls() as calls, torch.no_grad():
        output = model(**inputs)
    return output, calls.count


def texts(inputs):
    return {name: inputs[name] for name in ("input_ids", "attention_mask")}


def assert_close(x, y, real=None):
    similar = torch.cosine_similarity(x, y, dim=-1)
    assert (similar if real is None else similar[real]).min() > 0.999


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("way", WAYS)
def test_texts(way, padding):
    model, inputs = model_of(way), inputs_of(padding)
    real = inputs["attention_mask"].bool()
    expected, _ = run(model.text_model, **texts(inputs), output_hidden_states=True)
    fast = optimize(model, attention="fp32").text_model
    output, calls = run(fast, **texts(inputs), output_hidden_states=True)
    assert calls == (way != "siglip" or padding != "right"), "which pools the last token, padding or not"
    assert type(output) is type(expected) and output.keys() == expected.keys()
    assert_close(output.pooler_output, expected.pooler_output)
    assert_close(output.last_hidden_state, expected.last_hidden_state, real)
    assert len(output.hidden_states) == len(expected.hidden_states) == 4
    for x, y in zip(output.hidden_states, expected.hidden_states, strict=True):
        assert_close(x, y, real)


@pytest.mark.parametrize("kind", ["dynamic", "static", "bf16"])
@pytest.mark.parametrize("way", ["clip", "siglip"])
def test_images_and_texts(way, kind):
    model, inputs = model_of(way, kind), inputs_of("left")
    expected, _ = run(model, **inputs)
    output, calls = run(optimize(model, attention="fp32"), **inputs)
    assert calls == 2
    assert_close(output.text_embeds, expected.text_embeds)
    assert_close(output.image_embeds, expected.image_embeds)
    for tower in ("text_model_output", "vision_model_output"):
        assert output[tower].keys() == expected[tower].keys()


@pytest.mark.parametrize("way", ["clip", "siglip"])
def test_images(way):
    model = model_of(way)
    fast = optimize(copy.deepcopy(model), attention="fp32").vision_model
    for inputs in (
        {"pixel_values": torch.randn(3, 3, 16, 16)},
        {"pixel_values": torch.randn(2, 3, 24, 24), "interpolate_pos_encoding": True},
    ):
        expected, _ = run(model.vision_model, **inputs, output_hidden_states=True)
        output, calls = run(fast, **inputs, output_hidden_states=True)
        assert calls == 1
        assert_close(output.pooler_output, expected.pooler_output)
        for x, y in zip(output.hidden_states, expected.hidden_states, strict=True):
            assert_close(x, y)


@pytest.mark.parametrize("attention", ["fp32", "int8"])
def test_a_token_of_clip_does_not_depend_on_those_after_it(attention):
    fast, inputs = optimize(model_of("clip"), attention=attention).text_model, inputs_of()
    ids, changed = inputs["input_ids"], inputs["input_ids"].clone()
    changed[:, 6] = 7
    before, after = (run(fast, input_ids=x)[0].last_hidden_state for x in (ids, changed))
    if attention == "fp32":  # values have one scale per channel for all tokens
        torch.testing.assert_close(before[:, :6], after[:, :6], rtol=1e-5, atol=1e-5)
    assert (before[:, :6] - after[:, :6]).abs().max() < 0.1 * (before[:, 6:] - after[:, 6:]).abs().max()


@pytest.mark.parametrize("way", ["clip", "siglip"])
def test_a_text_does_not_depend_on_its_batch_bit_for_bit(way):
    fast, inputs = optimize(model_of(way)).text_model, texts(inputs_of("left"))
    together = run(fast, **inputs)[0].last_hidden_state
    for i, real in enumerate(inputs["attention_mask"].bool()):
        ids = inputs["input_ids"][i : i + 1, real]
        places = torch.arange(10)[None, real]
        assert torch.equal(run(fast, input_ids=ids, position_ids=places)[0].last_hidden_state[0], together[i, real])


@pytest.mark.parametrize("way", ["clip", "siglip"])
def test_what_the_layers_do_instead(way):
    model = optimize(model_of(way))
    with pytest.raises(ValueError, match="must be less than max_position_embeddings"):
        run(model.text_model, input_ids=torch.full((1, 17), 7))
    embeds = torch.randn(1, 4, 32)
    for tower, inputs in ((model.text_model, {"inputs_embeds": embeds}), (model.vision_model, {})):
        with pytest.raises((ValueError, TypeError, AttributeError)):
            run(tower, **inputs)
    many = texts(inputs_of())
    many = {name: x.repeat(4, 1) for name, x in many.items()}  # together more tokens than a text may have
    assert run(model.text_model, **many)[1] == 1
