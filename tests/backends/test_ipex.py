"""Models on IPEX: the same outputs as in torch, from the same integers and scales. `scripts/test_ipex.sh` runs it."""

import copy
import subprocess
import sys

import pytest
import torch
from tiny import TinyNet, logits_of, offline_environment, quantized, tiny_inputs, tiny_model, tiny_tokenizer
from torch import nn
from transformers import pipeline

from inc_hf import IncModelForSequenceClassification, PostTrainingQuantConfig
from inc_hf.backends.ipex import TraceError, open_session, quantize, require_ipex
from inc_hf.backends.ipex.forms import SHIFT, integer_modules
from inc_hf.quantization import fit
from inc_hf.quantize.nn import quantized_modules
from inc_hf.runtimes import on_ipex

try:
    require_ipex()
    missing = None
except ImportError as error:
    missing = str(error).splitlines()[0]
needs_ipex = pytest.mark.skipif(missing is not None, reason=str(missing))

# On other CPUs the sums of oneDNN overflow with 8-bit weights, see `test_a_cpu_without_vnni`.
needs_vnni = pytest.mark.skipif(not torch.cpu._is_vnni_supported(), reason="8-bit weights need VNNI")
BITS = [7, pytest.param(8, marks=needs_vnni)]
MODELS = ["bert", "distilbert", "vit", "gpt2"]
FP32 = {"weight": {"dtype": ["fp32"]}, "activation": {"dtype": ["fp32"]}}
SMOOTH = {"smooth_quant": True, "smooth_quant_args": {"alpha": 0.5}}


def int8_model(name, approach, bits=7, **settings):
    """Its bits do not depend on the CPU."""
    return quantized(name, approach, reduce_range=bits == 7, **settings).model


def example(model):
    """Two samples."""
    return tiny_inputs(model, 2)


def other(model):
    """Five samples, of another length and with padding where there is text."""
    inputs = tiny_inputs(model, 5)
    if "input_ids" in inputs:
        inputs = {name: tensor[:, :7].clone() for name, tensor in inputs.items()}
        inputs["attention_mask"][0, 4:] = 0
    return inputs


def difference(session, model):
    """From torch, on other inputs than those of the trace, relative to the largest logit."""
    expected = logits_of(model, other(model))
    return ((session(other(model))["logits"] - expected).abs().max() / expected.abs().max()).item()


def constants(session):
    """Of the frozen graph: the quantized weights, and the scale and zero point of each rounding."""
    graph = session.graph.graph
    values = [node.output().toIValue() for node in graph.findAllNodes("prim::Constant")]
    weights = [value for value in values if isinstance(value, torch.Tensor) and value.is_quantized]
    roundings = [list(node.inputs()) for node in graph.findAllNodes("aten::quantize_per_tensor")]
    return weights, sorted((scale.toIValue(), zero.toIValue()) for _, scale, zero, _ in roundings)


@needs_ipex
@pytest.mark.parametrize("name", MODELS)
def test_float(name):
    model = tiny_model(name)
    session = open_session(model, example(model))
    assert difference(session, model) < 1e-5
    assert session.precision == "float32" and "logits" in session.output_names


@needs_ipex
@pytest.mark.parametrize("name", MODELS)
def test_bfloat16(name):
    model = tiny_model(name)
    session = open_session(model, example(model), dtype=torch.bfloat16)
    assert 0 < difference(session, model) < 5e-2  # 8 bits of mantissa: 0.4 per cent at each of some ten steps
    assert session(example(model))["logits"].dtype == torch.float32


@needs_ipex
@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("approach", ["dynamic", "static"])
@pytest.mark.parametrize("name", MODELS)
def test_quantized_by_us(name, approach, bits):
    model = int8_model(name, approach, bits)
    session = open_session(model, example(model))
    # A difference of 1e-7 could move an activation to the next integer; it does not with these weights.
    assert difference(session, model) < 1e-5
    assert session.precision == "int8"


@needs_ipex
@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("name", ["bert", "vit"])
def test_the_graph_has_our_integers_and_scales(name, bits):
    per_tensor = {"activation": {"granularity": "per_tensor"}}
    model = int8_model(name, "static", bits, op_type_dict={"Linear|Conv2d": per_tensor})
    weights, roundings = constants(open_session(model, example(model)))
    modules = integer_modules(model)
    assert len(weights) == len(modules) > 6
    for module in modules:
        same = [w for w in weights if w.shape == module.codes.shape and torch.equal(w.int_repr(), module.codes)]
        assert len(same) == 1
        scales = same[0].q_per_channel_scales().float()
        torch.testing.assert_close(scales, module.weight_scale.flatten(), rtol=1e-6, atol=0)
    expected = {(module.input_scale.item(), int(module.input_zero_point) + SHIFT) for module in modules}
    assert set(roundings) == expected  # sets, since query, key and value share the rounding of their input


@needs_ipex
@pytest.mark.parametrize("approach", ["dynamic", "static"])
def test_linear_layers_are_integer_operators(approach):
    session = open_session(int8_model("bert", approach), tiny_inputs(tiny_model("bert"), 2))
    session(other(tiny_model("bert")))
    executed = str(torch.jit.last_executed_optimized_graph())
    assert executed.count(" = ipex::LlgaFusionGroup_") >= 8
    assert " = aten::dequantize[" in executed


@needs_ipex
@pytest.mark.parametrize("approach", ["dynamic", "static"])
def test_a_layer_that_was_kept_in_float(approach):
    kept = r"bert\.encoder\.layer\.0\.intermediate\.dense"
    model = int8_model("bert", approach, op_name_dict={kept: FP32})
    assert type(model.bert.encoder.layer[0].intermediate.dense) is nn.Linear
    session = open_session(model, example(model))
    weights, _ = constants(session)
    assert len(weights) == len(integer_modules(model)) == len(integer_modules(int8_model("bert", approach))) - 1
    assert difference(session, model) < 1e-5


PER_TENSOR = {".*": {"weight": {"granularity": ["per_tensor"]}, "activation": {"scheme": ["sym"]}}}
SPECIAL = {
    "smoothed": ("static", {"recipes": SMOOTH}),
    "smoothed, dynamic": ("dynamic", {"recipes": SMOOTH}),
    "per tensor, symmetric": ("static", {"op_type_dict": PER_TENSOR}),
    "weights only": ("weight_only", {}),
}


@needs_ipex
@pytest.mark.parametrize("approach, settings", SPECIAL.values(), ids=SPECIAL)
def test_other_schemes(approach, settings):
    model = tiny_model("bert")
    config = PostTrainingQuantConfig(approach=approach, reduce_range=True, **settings)
    model = fit(model, config, calib_dataloader=[tiny_inputs(model)]).model
    assert difference(open_session(model, example(model)), model) < 1e-5


@needs_ipex
def test_dynamic_samples_do_not_depend_on_their_batch():
    model = int8_model("bert", "dynamic")
    session, inputs = open_session(model, example(model)), other(model)
    alone = torch.cat([session({n: t[i : i + 1] for n, t in inputs.items()})["logits"] for i in range(5)])
    torch.testing.assert_close(alone, session(inputs)["logits"], rtol=1e-5, atol=1e-6)


class ConvNet(nn.Module):
    """Two convolutions, of images or of sequences."""

    def __init__(self, conv, shape):
        super().__init__()
        self.first, self.second = conv(4, 6, 3, padding=1, stride=2), conv(6, 4, 3, groups=2, bias=False)
        self.x = torch.randn(shape)

    def forward(self, x):
        return self.second(self.first(x).relu())


@needs_ipex
@pytest.mark.parametrize("approach", ["float", "dynamic", "static", pytest.param("ipex", marks=needs_vnni)])
@pytest.mark.parametrize(
    "conv, shape", [(nn.Conv1d, (2, 4, 12)), (nn.Conv2d, (2, 4, 12, 12))], ids=["Conv1d", "Conv2d"]
)
def test_convolutions(conv, shape, approach):
    model = ConvNet(conv, shape).eval()
    x = model.x
    if approach in ("dynamic", "static"):
        config = PostTrainingQuantConfig(approach=approach, reduce_range=True)
        model = fit(model, config, calib_dataloader=[x]).model
    session = quantize(model, [x]) if approach == "ipex" else open_session(model, {"x": x})
    x = torch.cat([x, 0.5 * x.flip(0)])
    with torch.no_grad():
        expected = model(x)
    got = session({"x": x})["output"]
    assert (got - expected).abs().max() <= (5e-2 if approach == "ipex" else 1e-5) * expected.abs().max()


@needs_ipex
@needs_vnni
@pytest.mark.parametrize("name", ["bert", "distilbert", "vit"])
@pytest.mark.parametrize("alpha", [None, 0.5], ids=["static", "SmoothQuant"])
def test_quantized_by_ipex(name, alpha):
    model = tiny_model(name)
    before = copy.deepcopy(model.state_dict())
    session = quantize(model, [tiny_inputs(model), tiny_inputs(model, 1)], smooth_quant_alpha=alpha)
    assert session.precision == "int8" and constants(session)[1]
    inputs = tiny_inputs(model)
    expected = logits_of(model, inputs)
    # 8 bits, on the data of the calibration; SmoothQuant of IPEX is coarse on models without outliers.
    assert (session(inputs)["logits"] - expected).abs().max() <= (0.1 if alpha is None else 0.5) * expected.abs().max()
    assert session(other(model))["logits"].shape == logits_of(model, other(model)).shape
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


FORMS = {
    "mapping, one sample": lambda inputs: {**{n: t[:1] for n, t in inputs.items()}, "labels": torch.tensor([1])},
    "tuple": lambda inputs: tuple(inputs.values()),
    "tensor": lambda inputs: inputs["input_ids"],
}


@needs_ipex
@needs_vnni
@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_forms_of_calibration_data(form):
    model = tiny_model("bert")
    session = quantize(model, (form(tiny_inputs(model)) for _ in range(2)))
    assert set(session.input_names) <= {"input_ids", "attention_mask"}
    assert session(other(model))["logits"].shape == (5, 2)


@needs_ipex
@needs_vnni
def test_eager_attention():
    model = tiny_model("bert")
    model.set_attn_implementation("eager")
    session = open_session(model, example(model))
    assert difference(session, model) < 1e-5
    with pytest.raises(TraceError, match=r"IPEX cannot quantize BertForSeq.* must be `attn_implementation='sdpa'`"):
        quantize(model, [tiny_inputs(model)])


WITHOUT_VNNI = """
from tiny import quantized, tiny_inputs, tiny_model
from inc_hf.backends.ipex import open_session, quantize

def refused(call, *args):
    try:
        return call(*args) is None
    except ValueError as error:
        return "reduce_range=True" in str(error)

seven, eight = (quantized("vit", "static", reduce_range=reduce).model for reduce in (True, False))
inputs = tiny_inputs(seven, 2)
print(*(refused(open_session, model, inputs) for model in (seven, eight, tiny_model("vit"))))
print(refused(quantize, tiny_model("vit"), [inputs]))
"""


@needs_ipex
def test_a_cpu_without_vnni():
    """Weights of 8 bits would be wrong there."""
    environment = offline_environment(ONEDNN_MAX_CPU_ISA="AVX2")
    output = subprocess.check_output([sys.executable, "-c", WITHOUT_VNNI], env=environment, text=True)
    assert output.strip().splitlines()[-2:] == ["False True False", "True"]


@needs_ipex
@pytest.mark.parametrize("approach", ["float", "dynamic", "static"])
def test_the_model_is_as_it_was(approach):
    model = tiny_model("vit") if approach == "float" else int8_model("vit", approach)
    model.train()
    kinds = [type(module) for module in model.modules()]
    before = {key: (value.clone(), value.stride()) for key, value in model.state_dict().items()}
    open_session(model, example(model))
    assert kinds == [type(module) for module in model.modules()] and all(m.training for m in model.modules())
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key][0]) and value.stride() == before[key][1]


@needs_ipex
def test_inputs():
    model = tiny_model("bert")
    session = open_session(model, example(model))
    assert repr(session) == "IpexSession(float32: input_ids, attention_mask -> logits)"
    inputs = {**other(model), "labels": torch.zeros(5), "token_type_ids": None}
    assert session(inputs)["logits"].shape == (5, 2)
    with pytest.raises(ValueError, match="needs the inputs attention_mask, got input_ids"):
        session({"input_ids": inputs["input_ids"]})


@needs_ipex
@pytest.mark.parametrize("kind", ["float32", "bfloat16", "int8", "int8 loaded in bfloat16"])
def test_as_a_model(kind):
    model = int8_model("bert", "dynamic") if "int8" in kind else tiny_model("bert")
    inputs, labels = other(model), torch.tensor([0, 1, 1, 0, 1])
    expected = model(**inputs, labels=labels)
    ours = nn.Module.to(model, torch.bfloat16) if "bfloat16" in kind else model
    for module in quantized_modules(ours).values():
        module.dtype = ours.dtype
    got = on_ipex(copy.deepcopy(ours))
    assert got.backend == "ipex" and isinstance(got, type(model)) and "ipex" in repr(got)
    output = got(**inputs, labels=labels)
    limit = 1e-5 if kind in ("float32", "int8") else 0.1
    torch.testing.assert_close(output.logits, expected.logits, rtol=limit, atol=limit)
    torch.testing.assert_close(output.loss, expected.loss, rtol=limit, atol=limit)
    with pytest.raises(ValueError, match="A model on ipex has no file of its own"):
        got.save_pretrained("nowhere")


@needs_ipex
@pytest.mark.parametrize("approach", ["dynamic", "static"])
def test_a_checkpoint_in_a_pipeline(approach, tmp_path):
    model = quantized("bert", approach, reduce_range=True)
    model.save_pretrained(tmp_path, format="inc")  # the other format needs a package more
    found = [
        pipeline(
            "text-classification",
            model=IncModelForSequenceClassification.from_pretrained(tmp_path, backend=backend),
            tokenizer=tiny_tokenizer(),
        )(["the film was very good", "a dull plot", "not bad"])
        for backend in ("torch", "ipex")
    ]
    for ours, theirs in zip(*found, strict=True):
        assert ours["label"] == theirs["label"] and ours["score"] == pytest.approx(theirs["score"], abs=1e-4)


@needs_ipex
def test_no_model_that_generates():
    with pytest.raises(ValueError, match="GPT2LMHeadModel generates text, which IPEX does not here"):
        on_ipex(tiny_model("gpt2"))


class Branching(nn.Module):
    """Tracing takes what it does with the example for what it does with all."""

    def forward(self, x):
        return x if x.sum().item() > 0 else -x


class Remembering(nn.Module):
    """The size of the batch becomes a constant."""

    def forward(self, x):
        return x * int(x.shape[0])


@needs_ipex
@pytest.mark.parametrize("model", [Branching(), Remembering()], ids=["branch", "constant"])
def test_a_graph_that_computes_something_else(model):
    x = torch.full((2, 4), 0.1)  # the other batch is random, its sum negative
    with pytest.raises(TraceError, match=r"on a batch of x \(3, 4\), outputs differ .*, more than 1e-04; use"):
        open_session(model, {"x": x})


@needs_ipex
@pytest.mark.parametrize(
    "call, match",
    [
        (lambda x: open_session(TinyNet().half(), x), "in float32, this one has torch.float16; load it in float32"),
        (
            lambda x: open_session(TinyNet(), x, torch.half),
            "must be torch.float32 or torch.bfloat16, got torch.float1",
        ),
        (
            lambda x: open_session(int8_model("bert", "dynamic"), x, torch.bfloat16),
            "must be torch.float32 for a quantized model, got torch.bfloat16",
        ),
        (lambda x: quantize(TinyNet(), [x], 1.5), r"`smooth_quant_alpha` must be in \[0, 1\], got 1.5"),
        (lambda x: quantize(TinyNet(), []), "Calibration got no data"),
        (lambda x: quantize(int8_model("bert", "dynamic"), [x]), "already quantized; start from the FP32 model"),
    ],
    ids=["half", "dtype", "dtype of int8", "alpha", "no data", "already quantized"],
)
def test_what_is_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call({"x": torch.randn(2, 4)})


@pytest.mark.skipif(missing is None, reason="IPEX is installed")
def test_without_ipex_the_functions_say_so():
    for call in (open_session, quantize):
        with pytest.raises(ImportError, match="backend='ipex' needs torch 2.8.x together with"):
            call(TinyNet(), {"x": torch.ones(2, 4)})
