"""Weights in bfloat16: the same values, half the size, float32 where it is asked for or needed."""

import copy
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import MODELS, TinyNet, logits_of, tiny_inputs, tiny_model
from torch import nn
from transformers import AutoModelForSequenceClassification

from inc_hf import IncModelForSequenceClassification, mix_precision, ops, optimize
from inc_hf.backends.onnxruntime import open_session
from inc_hf.checkpoint import CheckpointError
from inc_hf.config import (
    AccuracyCriterion,
    MixedPrecisionConfig,
    PostTrainingQuantConfig,
    set_resume_from,
    set_workspace,
)
from inc_hf.export import export_model
from inc_hf.quantization import fit as quantize
from inc_hf.quantize.bf16 import bf16_modules, use_bf16, without_bf16
from inc_hf.quantize.nn import BF16Embedding, BF16Linear, quantized_modules
from inc_hf.runtimes import load_model

needs_kernels = pytest.mark.skipif(not ops.is_native(), reason="needs the kernels")
FP32 = {"weight": {"dtype": "fp32"}, "activation": {"dtype": "fp32"}}
# Where products are of BF16 numbers, activations are rounded, too: 8 bits of mantissa, at each of some ten layers.
LIMIT = 3e-2 if ops.multiplies_in_bf16() else 1e-4


@pytest.fixture(autouse=True)
def workspace(tmp_path):
    set_workspace(tmp_path / "workspace")
    yield tmp_path / "workspace"
    set_resume_from(None)


def relative(got, expected):
    return ((got - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("name", MODELS)
def test_every_tiny_model(name, tmp_path):
    model = tiny_model(name)
    rounded = copy.deepcopy(model)
    result = mix_precision.fit(model)
    assert result.model is model and result.met_criterion is None
    assert len(bf16_modules(model)) > 4
    for module in map(rounded.get_submodule, bf16_modules(model)):
        module.weight.data = module.weight.data.bfloat16().float()
    got = logits_of(model)
    limit = max(LIMIT, 1e-2) if name == "t5" else LIMIT  # it casts what its `wo` reads to the dtype of that weight
    assert relative(got, logits_of(rounded)) < limit and got.dtype == torch.float32
    result.save_pretrained(tmp_path / "saved")
    ours = load_model(type(model), tmp_path / "saved")
    assert list(bf16_modules(ours)) == list(bf16_modules(model))
    assert torch.equal(logits_of(ours), got)
    plain = type(model).from_pretrained(tmp_path / "saved")
    assert plain.dtype == torch.float32 and not bf16_modules(plain)
    assert relative(logits_of(plain), got) < limit


def test_what_the_saver_of_transformers_writes(tmp_path):
    model = tiny_model("bert")
    mix_precision.fit(model)
    got = logits_of(model)
    model.save_pretrained(tmp_path)
    assert model.dtype == torch.float32 and json.loads((tmp_path / "config.json").read_text())["dtype"] == "float32"
    ours, plain = load_model(type(model), tmp_path), type(model).from_pretrained(tmp_path)
    assert torch.equal(logits_of(ours), got) and len(bf16_modules(ours)) == len(bf16_modules(model))
    assert plain.dtype == torch.float32 and relative(logits_of(plain), got) < LIMIT


def test_half_the_size(tmp_path):
    model = tiny_model("bert", hidden_size=128, intermediate_size=512, vocab_size=2000)
    model.save_pretrained(tmp_path / "fp32")
    mix_precision.fit(model).save_pretrained(tmp_path / "bf16")
    sizes = [(tmp_path / name / "model.safetensors").stat().st_size for name in ("fp32", "bf16")]
    assert sizes[1] / sizes[0] < 0.51
    config = json.loads((tmp_path / "bf16" / "config.json").read_text())
    assert config["dtype"] == "float32" and "classifier" in config["inc_bf16_modules"]


@pytest.mark.parametrize("native", [True, False])
def test_layers(native, monkeypatch):
    if not native:
        monkeypatch.setattr(ops, "is_native", lambda: False)
    linear = nn.Linear(70, 21)
    x = torch.randn(3, 5, 70)
    twin = use_bf16(nn.Sequential(copy.deepcopy(linear)), ["0"])[0]
    weight = linear.weight.detach().bfloat16().float()
    expected = nn.functional.linear(x, weight, linear.bias.detach())
    with torch.no_grad():
        assert relative(twin(x), expected) < LIMIT
        twin.store_weight(2 * twin.stored_weight())  # another tensor: packed anew
        assert relative(twin(x) - linear.bias, 2 * (expected - linear.bias)) < LIMIT
    x.requires_grad_()
    twin(x).sum().backward()
    assert x.grad is not None and twin(x.bfloat16()).dtype == torch.bfloat16
    assert "in_features=70, out_features=21, bias=True, weight=bfloat16" in repr(twin)
    copied = copy.deepcopy(twin)
    assert copied.packed is None and torch.equal(copied.weight, twin.weight)


def test_what_is_kept_in_float():
    model = tiny_model("bert")
    settings = {"op_type_dict": {"Embedding": FP32}, "op_name_dict": {r".*attention.*": FP32}}
    found = bf16_modules(mix_precision.fit(model, MixedPrecisionConfig(**settings)).model)
    assert "classifier" in found and not any("attention" in name or "embedding" in name for name in found)
    assert isinstance(model.bert.embeddings.word_embeddings, nn.Embedding)
    with pytest.raises(ValueError, match="matches"):
        mix_precision.fit(tiny_model("bert"), MixedPrecisionConfig(op_name_dict={"nothing": FP32}))


def test_tied_weights_stay_tied(tmp_path):
    model = tiny_model("gpt2")
    result = mix_precision.fit(model)
    assert model.lm_head.weight is model.transformer.wte.weight and model.lm_head.weight.dtype == torch.float32
    assert model.lm_head.stored is model.transformer.wte.stored and model.lm_head.stored.dtype == torch.bfloat16
    assert isinstance(model.lm_head, BF16Linear) and isinstance(model.transformer.wte, BF16Embedding)
    result.save_pretrained(tmp_path / "saved")
    loaded = load_model(type(model), tmp_path / "saved")
    assert loaded.lm_head.weight is loaded.transformer.wte.weight
    kept = mix_precision.fit(tiny_model("gpt2"), MixedPrecisionConfig(op_name_dict={"lm_head": FP32})).model
    assert isinstance(kept.transformer.wte, nn.Embedding)  # or its weight would be on disk twice


def test_int8_and_bf16_in_one_model(tmp_path):
    config = PostTrainingQuantConfig(approach="dynamic", op_name_dict={r".*intermediate.*": FP32, "classifier": FP32})
    model = quantize(tiny_model("bert"), config)
    integers = len(quantized_modules(model.model))
    result = mix_precision.fit(model)
    assert set(bf16_modules(model.model)) == {"bert.encoder.layer.0.intermediate.dense", "classifier"}
    assert len(quantized_modules(model.model)) == integers
    expected = logits_of(result.model)
    result.save_pretrained(tmp_path / "saved")
    loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    assert len(bf16_modules(loaded)) == 2 and len(quantized_modules(loaded)) == integers
    assert torch.equal(logits_of(loaded), expected)


def test_optimized():
    model = mix_precision.fit(tiny_model("bert")).model
    expected = logits_of(model)
    optimize(model)
    assert model.bert.encoder.layer[0].intermediate.dense.activation == "gelu"
    assert relative(logits_of(model), expected) < 1e-3
    assert relative(logits_of(without_bf16(model)), expected) < LIMIT


@needs_kernels
@pytest.mark.parametrize("name, kept", [("bert", set()), ("gpt2", {"lm_head"})])  # GPT-2's head is its embedding
def test_optimize_keeps_only_the_packed_weights(name, kept, tmp_path):
    result = mix_precision.fit(tiny_model(name))
    model = result.model
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    before = logits_of(model)
    optimize(model, fuse=False)
    linears = {name: m for name, m in model.named_modules() if isinstance(m, BF16Linear)}
    assert {name for name, module in linears.items() if not module.is_released} == kept < set(linears)
    assert torch.equal(logits_of(model), before)
    copied = copy.deepcopy(model)
    assert torch.equal(logits_of(copied), before)
    for other in (copied, model):
        after = other.state_dict()
        assert after.keys() == state.keys() and all(torch.equal(after[name], state[name]) for name in state)
    optimize(model, fuse=False)
    result.save_pretrained(tmp_path / "saved")
    assert torch.equal(logits_of(load_model(type(model), tmp_path / "saved")), before)


@pytest.mark.parametrize("optimized", [pytest.param(True, marks=needs_kernels), False])
def test_compiled(optimized):
    model = mix_precision.fit(tiny_model("bert")).model
    compiled = torch.compile(optimize(model, fuse=False) if optimized else model, backend="eager", fullgraph=True)
    assert relative(logits_of(compiled), logits_of(model)) < LIMIT


def test_cast_to_another_dtype():
    twin = use_bf16(nn.Sequential(nn.Linear(8, 3)), ["0"])[0]
    x = torch.randn(2, 8)
    expected = twin(x)
    assert relative(twin.float()(x), expected) < LIMIT


def test_export(tmp_path):
    model = mix_precision.fit(tiny_model("bert")).model
    (path,) = export_model(model, tmp_path)
    assert path.name == "model_bf16.onnx" and len(bf16_modules(model)) > 4
    inputs = tiny_inputs(model) | {"token_type_ids": torch.zeros_like(tiny_inputs(model)["input_ids"])}
    assert relative(open_session(path)(inputs)["logits"], logits_of(model)) < LIMIT


def scorer(bad):
    """A score that falls with each harmful module that has weights in bfloat16."""
    scored = []

    def score(model):
        model(**tiny_inputs(model))
        scored.append(set(bf16_modules(model)))
        return 1.0 - 0.1 * sum(name.endswith(bad) for name in scored[-1])

    return score


@pytest.mark.parametrize(
    "level, bad, kept",
    [
        ("auto", ("embeddings",), "Embedding"),
        (0, ("embeddings",), "Embedding"),
        (1, ("classifier",), "classifier"),
        ("auto", ("query",), "Linear"),
    ],
)
def test_fallback_by_need(level, bad, kept):
    model = tiny_model("bert")
    conf = MixedPrecisionConfig(quant_level=level, accuracy_criterion=AccuracyCriterion(tolerable_loss=0.05))
    result = mix_precision.fit(model, conf, scorer(bad))
    assert result.met_criterion and result.score == 1.0 and result.baseline == 1.0
    found = bf16_modules(result.model)
    assert found and not any(name.endswith(bad) for name in found)
    assert not bf16_modules(model)
    assert kept in " ".join(trial.label for trial in result.trials)


def test_a_goal_that_is_not_met():
    conf = MixedPrecisionConfig(quant_level=0)
    result = mix_precision.fit(tiny_model("bert"), conf, lambda model: float(not bf16_modules(model)))
    assert result.met_criterion is False and bf16_modules(result.model)
    assert "score=0.0000, baseline=1.0000" in repr(result)


def stored_trials(workspace):
    return json.loads((workspace / "history.json").read_text())["trials"]


def test_trials_of_an_earlier_quantization_stay_on_disk(workspace):
    quantize(tiny_model("bert"), PostTrainingQuantConfig(approach="dynamic"), eval_func=lambda model: 1.0)
    mix_precision.fit(tiny_model("bert"), eval_func=lambda model: 1.0)
    assert sorted(trial["label"] for trial in stored_trials(workspace)) == ["bf16", "dynamic"]


def test_resume(workspace):
    calls = []

    def score(model):
        calls.append(len(bf16_modules(model)))
        return 0.5 if calls[-1] else 1.0

    conf = MixedPrecisionConfig(quant_level=0)
    first = mix_precision.fit(tiny_model("bert"), conf, score)
    assert len(calls) == 1 + len(first.trials) == 1 + 3
    set_resume_from(workspace)
    again = mix_precision.fit(tiny_model("bert"), conf, score)
    assert len(calls) == 4 + 1, "the baseline only"
    assert again.score == first.score and bf16_modules(again.model).keys() == bf16_modules(first.model).keys()
    assert len(stored_trials(workspace)) == 3


@pytest.mark.parametrize(
    "call, error, match",
    [
        (lambda: mix_precision.fit("bert"), TypeError, "must be a torch.nn.Module, got str"),
        (lambda: mix_precision.fit(TinyNet(), {}), TypeError, "must be a MixedPrecisionConfig, got dict"),
        (
            lambda: mix_precision.fit(TinyNet(), MixedPrecisionConfig(precisions="fp16")),
            ValueError,
            "Only bf16",
        ),
        (lambda: mix_precision.fit(TinyNet(), MixedPrecisionConfig(device="gpu")), ValueError, "torch.float16"),
        (lambda: mix_precision.fit(TinyNet(), MixedPrecisionConfig(backend="ipex")), ValueError, "got 'ipex'"),
        (lambda: mix_precision.fit(TinyNet().half()), ValueError, "must be in float32, this one has torch.float16"),
        (lambda: mix_precision.fit(mix_precision.fit(TinyNet()).model), ValueError, "in bfloat16 already"),
        (lambda: mix_precision.fit(TinyNet(), None, None, [1]), ValueError, "go together"),
        (
            lambda: mix_precision.fit(TinyNet(), MixedPrecisionConfig(op_type_dict={"Linear": FP32})),
            ValueError,
            "leaves no module",
        ),
        (lambda: mix_precision.fit(TinyNet()).push_to_hub("x"), TypeError, "Only a transformers PreTrainedModel"),
    ],
    ids=["name", "config", "fp16", "gpu", "ipex", "half", "again", "metric", "nothing", "save"],
)
def test_errors(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_a_config_that_does_not_fit(tmp_path):
    mix_precision.fit(tiny_model("bert")).save_pretrained(tmp_path / "saved")
    file = tmp_path / "saved" / "config.json"
    file.write_text(file.read_text().replace('"classifier"', '"classifier.nothing"'))
    with pytest.raises(
        CheckpointError,
        match="saved: `inc_bf16_modules` in the config does not fit its model: .* no layers classifier.nothing",
    ):
        IncModelForSequenceClassification.from_pretrained(tmp_path / "saved")
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")


def test_a_file_without_a_weight(tmp_path):
    mix_precision.fit(tiny_model("bert")).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["classifier.weight"]
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="do not belong to its config: missing .'classifier.weight'"):
        IncModelForSequenceClassification.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "native, bf16, words",
    [
        (False, True, "Without our kernels"),
        (True, True, "multiply in BF16"),
        (True, False, "multiply in FP32"),
    ],
)
def test_what_it_means_here(native, bf16, words, monkeypatch):
    monkeypatch.setattr(ops, "is_native", lambda: native)
    monkeypatch.setattr(ops, "multiplies_in_bf16", lambda: bf16)
    assert words in mix_precision.what_it_means_here()
