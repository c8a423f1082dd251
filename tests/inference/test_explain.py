"""`explain` says what happens: which parts run natively, and why others do not."""

import copy

import pytest
import torch
from tiny import quantized, tiny_inputs, tiny_model
from torch import nn

from inc_hf import explain, mix_precision, ops, optimize
from inc_hf.inference.encoder.replace import ONE_BY_ONE, ONE_CALL
from inc_hf.inference.explain import NOT_KNOWN
from inc_hf.quantize.nn import QLinear

pytestmark = pytest.mark.skipif(not ops.is_native(), reason=f"no native kernels: {ops.why_unavailable()}")


@pytest.fixture(scope="module")
def int8():
    return optimize(quantized(tiny_model("bert", num_hidden_layers=2)).model)


def part(explanation, name):
    (found,) = [p for p in explanation.encoders + explanation.modules if p.name == name]
    return found


def reason_for(model, name="bert"):
    found = part(explain(model), name)
    assert (found.runs_on == ONE_CALL) == (not found.why_not_more)
    return found.why_not_more


def test_an_encoder_in_one_call(int8):
    found = explain(int8)
    assert [tuple(p) for p in found.encoders] == [("bert", "BertModel", ONE_CALL, "")]
    assert part(found, "bert.encoder.layer.1.output.dense")[2:] == ("the call of bert, INT8 dense", "")
    assert part(found, "bert.encoder.layer.0.output.LayerNorm").runs_on == "the call of bert"
    assert part(found, "bert.embeddings.word_embeddings").runs_on == "the call of the embeddings"
    assert part(found, "bert.embeddings.LayerNorm").runs_on == "the call of the embeddings"
    assert part(found, "classifier").runs_on == "INT8 dense"
    holding = [name for name, m in int8.named_modules() if isinstance(m, QLinear | nn.LayerNorm)]
    assert set(holding) <= {p.name for p in found.modules}


def test_the_table_has_a_row_for_layers_that_are_alike(int8):
    text = str(explain(int8))
    assert repr(explain(int8)) == text
    (line,) = [line for line in text.splitlines() if "layer.*.output.dense" in line]
    assert line.split() == "bert.encoder.layer.*.output.dense 2 x QLinear the call of bert, INT8 dense".split()


REASONS = {
    "not optimized": (lambda: quantized("bert").model, "`inc_hf.optimize` was not asked for it"),
    "switched off": (lambda: optimize(quantized("bert").model, encoder=False), "was not asked for it"),
    "unfit": (lambda: optimize(quantized(tiny_model("bert", is_decoder=True)).model), "it is a decoder"),
}


@pytest.mark.parametrize(("make", "reason"), REASONS.values(), ids=REASONS)
def test_why_an_encoder_runs_layer_by_layer(make, reason):
    assert reason in reason_for(make())


def test_what_became_of_an_optimized_model(int8):
    model = copy.deepcopy(int8)
    assert not reason_for(model)
    assert "call `eval()`" in reason_for(model.train())
    hook = model.eval().bert.encoder.layer[0].register_forward_hook(lambda *_: None)
    assert "hooks on modules in it" in reason_for(model)
    hook.remove()
    model.set_attn_implementation("eager")
    model.config.output_attentions = True
    assert "its config asks for attentions" in reason_for(model)
    model.config.output_attentions = False
    model.bert.encoder.layer[0].output.LayerNorm = nn.Identity()
    model.bert.forward._plan = None  # as where a weight was changed
    assert "a Identity stands where" in reason_for(model)


def test_nothing_is_changed(int8):
    for model in (int8, quantized("bert").model):
        before = [(name, id(m), vars(m).keys()) for name, m in model.named_modules()]
        packed = [m.packed is None for m in model.modules() if isinstance(m, QLinear)]
        explain(model)
        assert before == [(name, id(m), vars(m).keys()) for name, m in model.named_modules()]
        assert packed == [m.packed is None for m in model.modules() if isinstance(m, QLinear)]


MODULES = {
    "weights alone": (lambda: quantized("bert", "weight_only").model, "classifier", "its inputs are not quantized"),
    "groups": (
        lambda: quantized("bert", op_type_dict={"Linear": {"weight": {"group_size": 16}}}).model,
        "classifier",
        "there is no kernel for weights in groups or with zero points",
    ),
    "left in float": (lambda: quantized("opt").model, "lm_head", "kept in float"),
    "nothing quantized": (lambda: tiny_model("bert"), "classifier", "not quantized"),
    "a convolution": (
        lambda: quantized("vit").model,
        "vit.embeddings.patch_embeddings.projection",
        "there is no kernel for convolutions",
    ),
    "unfused": (
        lambda: quantized("bert").model,
        "bert.encoder.layer.0.intermediate.dense",
        "GELUActivation behind it is computed by torch",
    ),
    "fused": (
        lambda: optimize(quantized("bert").model, encoder=False),
        "bert.encoder.layer.0.intermediate.dense",
        "",
    ),
    "bfloat16": (lambda: mix_precision.fit(tiny_model("bert")).model, "classifier", ""),
}


@pytest.mark.parametrize(("make", "name", "reason"), MODULES.values(), ids=MODULES)
def test_why_a_module_is_no_faster(make, name, reason):
    assert part(explain(make()), name).why_not_more == reason


def test_other_models():
    found = explain(nn.Sequential(nn.Linear(3, 4), nn.ReLU()))
    assert [tuple(p) for p in found.encoders] == [("the model", "Sequential", ONE_BY_ONE, NOT_KNOWN)]
    assert [tuple(p) for p in found.modules] == [("0", "Linear", "torch, float32", "not quantized")]
    with pytest.raises(TypeError, match="must be a torch.nn.Module"):
        explain("bert")


def test_what_it_says_of_a_base_model():
    model = optimize(quantized("bert").model.bert)
    assert reason_for(model, "the model") == ""
    with torch.no_grad():
        assert model(**tiny_inputs(model)).last_hidden_state.isfinite().all()
