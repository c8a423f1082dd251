"""Encoders in one native call: what they compute, and when their layers run one by one instead."""

import copy
import pickle

import pytest
import torch
from native_calls import Calls
from paddings import PADDINGS
from tiny import quantized, tiny_inputs, tiny_model

from inc_hf import mix_precision, ops, optimize
from inc_hf.config import MixedPrecisionConfig
from inc_hf.inference.encoder.replace import ONE_BY_ONE, PACKED, run_encoders
from inc_hf.quantize.nn import QLinear

pytestmark = pytest.mark.skipif(not ops.is_native(), reason=f"no native kernels: {ops.why_unavailable()}")
FAMILIES = ["bert", "roberta", "electra", "distilbert", "albert", "mpnet", "modernbert", "nomic_bert", "eurobert"]
KNOW_POSITIONS = ["mpnet", "modernbert", "nomic_bert", "eurobert"]  # in each layer
SIZES = {"num_hidden_layers": 3, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}
DISTILBERT_SIZES = {"n_layers": 3, "dim": 32, "n_heads": 4, "hidden_dim": 64}
# Larger weights than those that models begin with make attention less even: of such scores 8 bits lose much.
SIZE_OF_WEIGHTS = {"fp32": 2, "int8": 1}
# EuroBERT's embeddings have no norm, so that a channel of few tokens is rounded by its largest value.
LEAST = {("eurobert", "int8"): 0.997}


def model_of(family, kind="dynamic", attention="fp32", **values):
    torch.manual_seed(0)
    sizes = DISTILBERT_SIZES if family == "distilbert" else SIZES
    if family == "electra":
        values = {"embedding_size": 16, **values}
    if family == "modernbert":  # one layer for all tokens, two with a window
        values = {"local_attention": 6, "max_position_embeddings": 64, **values}
    model = tiny_model(family, **sizes, **values)
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(SIZE_OF_WEIGHTS[attention])
    if kind == "bf16":
        return mix_precision.fit(model, MixedPrecisionConfig()).model
    if kind == "smoothed":
        return quantized(model, "static", recipes={"smooth_quant": True}).model
    return quantized(model, kind).model


def base(model):
    return getattr(model, model.base_model_prefix)


def modules_of(model, kind):
    return [module for module in base(model).encoder.modules() if isinstance(module, kind)]


def inputs_of(model, padding="right"):
    torch.manual_seed(1)
    return tiny_inputs(model) | {"attention_mask": torch.tensor(PADDINGS[padding])}


def run(model, **inputs):
    """The output of the base model, and whether it came from the encoder."""
    with Calls() as calls, torch.no_grad():
        output = base(model)(**inputs)
    return output, calls.count == 1


def similarity(x, y, mask):
    """The least cosine of two hidden states of a real token."""
    return torch.cosine_similarity(x, y, dim=-1)[mask.bool()].min().item()


@pytest.mark.parametrize("attention", SIZE_OF_WEIGHTS)
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("family", FAMILIES)
def test_it_computes_what_the_layers_do(family, padding, attention):
    model = model_of(family, attention=attention)
    inputs = inputs_of(model, padding)
    real = inputs["attention_mask"].bool()
    expected, by_encoder = run(model, **inputs, output_hidden_states=True)
    assert not by_encoder
    output, by_encoder = run(optimize(model, attention=attention), **inputs, output_hidden_states=True)
    assert by_encoder == (padding != "holes" or family not in KNOW_POSITIONS)
    assert type(output) is type(expected) and output.keys() == expected.keys()
    assert len(output.hidden_states) == 4
    for x, y in zip(output.hidden_states, expected.hidden_states, strict=True):
        assert similarity(x, y, real) > LEAST.get((family, attention), 0.999)
    assert torch.equal(output.last_hidden_state, output.hidden_states[-1])
    assert not by_encoder or family in ("modernbert", "eurobert") or (output.last_hidden_state[~real] == 0).all()


def test_attention_is_in_8_bits_where_the_weights_are():
    for kind, attention in {"dynamic": "int8", "bf16": "fp32"}.items():
        model = model_of("bert", kind)
        inputs = inputs_of(model)
        found, asked = (
            run(optimize(copy.deepcopy(model), attention=a), **inputs)[0].last_hidden_state
            for a in ("auto", attention)
        )
        assert torch.equal(found, asked)


@pytest.mark.parametrize("kind", ["static", "smoothed", "bf16"])
def test_other_weights(kind):
    model = model_of("bert", kind)
    inputs = inputs_of(model)
    expected, _ = run(model, **inputs)
    output, by_encoder = run(optimize(copy.deepcopy(model), attention="fp32"), **inputs)
    assert by_encoder
    assert similarity(output.last_hidden_state, expected.last_hidden_state, inputs["attention_mask"]) > 0.999
    if kind == "smoothed":
        factors = [layer.smooth_scale for layer in modules_of(model, QLinear) if layer.smooth_scale is not None]
        assert factors and all((x != 1).any() for x in factors)


@pytest.mark.parametrize("family", FAMILIES)
def test_other_inputs(family):
    model = model_of(family, hidden_act="relu") if family in ("bert", "albert") else model_of(family)
    fast = optimize(copy.deepcopy(model), attention="fp32")
    inputs = inputs_of(model)
    ids, mask = inputs["input_ids"], inputs["attention_mask"]
    ways = [
        {"input_ids": ids},
        {"input_ids": ids, "attention_mask": mask.bool()},
        {"input_ids": ids, "attention_mask": mask.float()},
        {"inputs_embeds": model.get_input_embeddings()(ids), "attention_mask": mask},
        {"input_ids": ids, "attention_mask": mask, "position_ids": torch.arange(10).flip(0)[None] + 3},
        {"input_ids": ids[:1], "attention_mask": mask[:1]},
    ]
    if family not in ("distilbert", *KNOW_POSITIONS):
        types = torch.zeros_like(ids)
        if model.config.type_vocab_size > 1:
            types[:, 5:] = 1
        ways.append({**inputs, "token_type_ids": types})
    for way in ways:
        expected, (output, by_encoder) = run(model, **way)[0], run(fast, **way)
        real = way.get("attention_mask", torch.ones(len(output.last_hidden_state), 10))
        assert by_encoder == ("position_ids" not in way or family not in KNOW_POSITIONS)
        assert similarity(output.last_hidden_state, expected.last_hidden_state, real) > 0.999, way.keys()


def test_tuples_and_positional_arguments():
    model = optimize(model_of("bert"))
    inputs = inputs_of(model)
    with torch.no_grad():
        output = base(model)(inputs["input_ids"], inputs["attention_mask"])
        as_tuple = base(model)(inputs["input_ids"], inputs["attention_mask"], return_dict=False)
    assert isinstance(as_tuple, tuple)
    assert all(torch.equal(x, y) for x, y in zip(output.to_tuple(), as_tuple, strict=True))


def test_a_text_does_not_depend_on_its_batch_bit_for_bit():
    model = optimize(model_of("bert"))
    inputs = inputs_of(model)
    together, _ = run(model, **inputs)
    for i, real in enumerate(inputs["attention_mask"].bool()):
        alone, _ = run(model, input_ids=inputs["input_ids"][i : i + 1, real])
        assert torch.equal(alone.last_hidden_state[0], together.last_hidden_state[i, real])


BY_LAYERS = {
    "attentions": lambda model, inputs: run(model, **inputs, output_attentions=True),
    "attentions of the config": lambda model, inputs: (
        setattr(model.config, "output_attentions", True),
        run(model, **inputs),
    )[1],
    "mask of its own for each token": lambda model, inputs: run(
        model, **inputs | {"attention_mask": torch.ones(3, 1, 10, 10).tril()}
    ),
    "a sequence without a token": lambda model, inputs: run(
        model, **inputs | {"attention_mask": torch.tensor([[0] * 10, [1] * 10, [1] * 10])}
    ),
    "some of the hidden states": lambda model, inputs: run(model, **inputs, output_hidden_states=[1]),
    "a hook within": lambda model, inputs: (
        base(model).encoder.layer[0].output.register_forward_hook(lambda *_: None),
        run(model, **inputs),
    )[1],
}


@pytest.mark.parametrize("ask", BY_LAYERS.values(), ids=BY_LAYERS)
def test_what_it_cannot_give_the_layers_do(ask):
    model = model_of("bert")
    model.set_attn_implementation("eager")
    fast = optimize(copy.deepcopy(model), attention="fp32")
    inputs = inputs_of(model)
    output, by_encoder = ask(fast, inputs)
    assert not by_encoder
    expected, _ = ask(model, inputs)
    torch.testing.assert_close(output.last_hidden_state, expected.last_hidden_state, rtol=1e-2, atol=1e-2)


def test_gradients_for_inputs_come_from_the_layers():
    model = optimize(model_of("bert"))
    embeds = model.get_input_embeddings()(inputs_of(model)["input_ids"]).detach().requires_grad_()
    base(model)(inputs_embeds=embeds).last_hidden_state.sum().backward()
    assert embeds.grad.abs().sum() > 0
    with Calls() as calls:  # no gradient is asked for
        base(model)(inputs_embeds=embeds.detach())
    assert calls.count == 1


def test_hooks_that_collect_hidden_states_do_not_slow_it_down():
    model = optimize(model_of("bert"))
    model.set_attn_implementation("eager")
    inputs = inputs_of(model)
    run(model, **inputs, output_attentions=True)  # installs them
    assert run(model, **inputs)[1] and run(model, **inputs, output_hidden_states=True)[1]


def test_training_and_autocast_are_left_to_torch():
    model = optimize(model_of("bert"))
    assert not run(model.train(), **inputs_of(model))[1] and run(model.eval(), **inputs_of(model))[1]
    with torch.autocast("cpu", torch.bfloat16):
        assert not run(model, **inputs_of(model))[1]


COPIES = {"deepcopy": copy.deepcopy, "pickle": lambda model: pickle.loads(pickle.dumps(model)), "again": optimize}


@pytest.mark.parametrize("copied", COPIES.values(), ids=COPIES)
def test_copies_run_natively_too(copied):
    model = optimize(model_of("bert"))
    inputs = inputs_of(model)
    expected, _ = run(model, **inputs)
    output, by_encoder = run(copied(model), **inputs)
    assert by_encoder and torch.equal(output.last_hidden_state, expected.last_hidden_state)


def test_it_is_saved_as_before_and_goes_on(tmp_path):
    model = model_of("bert")
    model.save_pretrained(tmp_path / "before")
    inputs = inputs_of(optimize(model))
    expected, _ = run(model, **inputs)
    model.save_pretrained(tmp_path / "after")
    files = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("before", "after")]
    assert files[0] == files[1]
    output, by_encoder = run(model, **inputs)
    assert by_encoder and torch.equal(output.last_hidden_state, expected.last_hidden_state)


def test_changed_weights_are_noticed():
    model = optimize(model_of("bert"))
    inputs = inputs_of(model)
    before, _ = run(model, **inputs)
    state = {k: v.clone() for k, v in model.state_dict().items()}
    for change in (
        lambda: base(model).encoder.layer[1].output.LayerNorm.weight.detach().mul_(2),
        lambda: model.load_state_dict({k: v + 1 if "LayerNorm.bias" in k else v for k, v in state.items()}),
    ):
        change()
        output, by_encoder = run(model, **inputs)
        assert by_encoder and not torch.equal(output.last_hidden_state, before.last_hidden_state)
        before = output


class Doubled(torch.nn.Module):
    """As an adapter wraps a layer."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return 2 * self.layer(x)


@pytest.mark.parametrize("kind", ["dynamic", "float"])
def test_modules_that_are_exchanged_are_noticed(kind):
    model = model_of("bert") if kind == "dynamic" else tiny_model("bert", **SIZES)
    model, inputs = optimize(model.eval()), inputs_of(model)
    with torch.no_grad():
        before = model(**inputs).logits
        attention = base(model).encoder.layer[1].attention.self
        kept, attention.query = attention.query, Doubled(attention.query)
        wrapped = model(**inputs).logits
        assert torch.allclose(wrapped, one_by_one(model, inputs), atol=1e-5)
        assert not torch.allclose(wrapped, before, atol=1e-5)
        attention.query = kept
        assert torch.equal(model(**inputs).logits, before)


def one_by_one(model, inputs):
    """The logits without the forward that `optimize` put in place."""
    copied = copy.deepcopy(model)
    del vars(base(copied))["forward"]
    return copied(**inputs).logits


def test_a_model_that_was_made_in_inference_mode():
    with torch.inference_mode():
        model = optimize(model_of("bert"))
        inputs = inputs_of(model)
        assert torch.equal(base(model)(**inputs).last_hidden_state, run(model, **inputs)[0].last_hidden_state)
    assert run(model, **inputs)[1]


def test_weights_are_in_memory_once():
    model = optimize(model_of("bert"))
    layer = base(model).encoder.layer[0]
    packed = [layer.attention.self.query.packed, layer.output.dense.packed]
    assert packed[0].untyped_storage().data_ptr() == packed[1].untyped_storage().data_ptr()
    assert all(linear.is_released for linear in (layer.attention.self.query, layer.output.dense))


def reason_for(model, runs=ONE_BY_ONE):
    (how,) = run_encoders(model, "int8").values()
    assert how.runs == runs
    assert ("forward" in vars(base(model))) == (runs != ONE_BY_ONE)
    return how.why_not


class TestWhatDoesNotFit:
    def test_float_weights(self):
        assert "a Linear is not quantized" in reason_for(tiny_model("bert"), PACKED)

    def test_weights_alone(self):
        model = quantized(tiny_model("bert"), "weight_only").model
        assert "does not run on the kernels" in reason_for(model, PACKED)

    def test_an_activation_function_that_it_lacks(self):
        assert "the activation function Tanh" in reason_for(quantized(tiny_model("bert", hidden_act="tanh")).model)

    def test_a_decoder(self):
        assert "it is a decoder" in reason_for(quantized(tiny_model("bert", is_decoder=True)).model)

    def test_heads_that_share_a_key(self):
        model = tiny_model("eurobert", num_key_value_heads=1)
        assert reason_for(quantized(model).model) == "several of its heads share a key"

    def test_rotary_positions_that_depend_on_the_length(self):
        rope = {"rope_type": "dynamic", "rope_theta": 10_000.0, "factor": 2.0}
        model = tiny_model("nomic_bert", rope_parameters=rope, max_position_embeddings=64)
        assert "rotary positions are of the type dynamic" in reason_for(quantized(model).model)

    def test_a_module_that_was_exchanged(self):
        model = quantized(tiny_model("bert")).model
        layer = model.bert.encoder.layer[0]
        layer.output.LayerNorm = torch.nn.Identity()
        assert "a Identity stands where the encoder has a LayerNorm" in reason_for(model)

    def test_a_class_of_the_users(self):
        model = quantized(tiny_model("bert")).model
        model.bert.__class__ = type("BertModel", (type(model.bert),), {})
        assert run_encoders(model, "int8") == {}

    def test_switched_off(self):
        model = optimize(model_of("bert"), encoder=False)
        assert not run(model, **inputs_of(model))[1]

    def test_wrong_arguments(self):
        with pytest.raises(ValueError, match="`attention` must be one of auto, int8, fp32, got 'int4'"):
            optimize(model_of("bert"), attention="int4")
