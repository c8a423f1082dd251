"""A checkpoint of any format that lacks a tensor, or has a wrong one, is an error that names it."""

import copy
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import logits_of, quantized, tiny_model
from transformers import AutoModelForSequenceClassification, BertForSequenceClassification

import inc_hf
from inc_hf import IncModelForSequenceClassification, mix_precision
from inc_hf.checkpoint import CheckpointError
from inc_hf.commands.describe import describe_checkpoint
from inc_hf.compression.pruner import model_slim, parse_auto_slim_config
from inc_hf.config import MixedPrecisionConfig, WeightPruningConfig
from inc_hf.errors import UsageError
from inc_hf.prune.oneshot import prune_oneshot
from inc_hf.quantize.nn import FloatView

LAYER = "bert.encoder.layer.0"


def slim(**targets):
    """BERT with half of its inner columns, or half of its heads, which config.json has no words for."""
    model = tiny_model("bert")
    config = WeightPruningConfig(parse_auto_slim_config(model, **targets), pruning_type="magnitude")
    prune_oneshot(model, config, None)
    return model_slim(model)


FORMATS = {
    "compressed-tensors": lambda: quantized("bert", "static"),
    "inc": lambda: quantized("bert", "static"),
    "bf16": lambda: mix_precision.fit(tiny_model("bert"), MixedPrecisionConfig()),
    "slim": lambda: slim(ffn2_sparsity=0.5),
    "slim heads": lambda: slim(mha_sparsity=0.5),
}


def load(directory):
    return IncModelForSequenceClassification.from_pretrained(directory)


def optimize(directory):
    pytest.importorskip("compressed_tensors")
    return inc_hf.optimize(AutoModelForSequenceClassification.from_pretrained(directory), encoder=False)


def info(directory):
    return describe_checkpoint(directory)


# Who reads which format.
READERS = [(name, read) for name in FORMATS for read in (load, info)] + [("compressed-tensors", optimize)]
every_reader = pytest.mark.parametrize(("format", "read"), READERS, ids=[f"{n}, {r.__name__}" for n, r in READERS])


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Config and tensors of a checkpoint of each format, and its logits."""
    found = {}
    for name, make in FORMATS.items():
        directory, result = tmp_path_factory.mktemp("saved") / name, make()
        result.save_pretrained(directory, **({"format": name} if "tensors" in name or name == "inc" else {}))
        tensors = load_file(directory / "model.safetensors")
        found[name] = (
            json.loads((directory / "config.json").read_text()),
            tensors,
            logits_of(getattr(result, "model", result)),
        )
    return found


@pytest.fixture
def write(saved, tmp_path):
    def write(name, tensors=(), config=()):
        """A checkpoint with other tensors, where None leaves one out, or with other entries in config.json."""
        old_config, old_tensors, _ = saved[name]
        kept = {
            key: value.contiguous() for key, value in {**old_tensors, **dict(tensors)}.items() if value is not None
        }
        save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
        (tmp_path / "config.json").write_text(json.dumps({**copy.deepcopy(old_config), **dict(config)}))
        return tmp_path

    return write


@every_reader
def test_untouched(saved, write, format, read):
    found = read(write(format))
    if read is not info:
        assert (logits_of(found) - saved[format][2]).abs().max() < 1e-5


@every_reader
def test_every_missing_tensor_is_named(saved, write, format, read):
    one_layer = [key for key in saved[format][1] if LAYER in key or "layer" not in key]
    if read is optimize:  # without integers stock transformers fails by itself
        one_layer = [key for key in one_layer if saved[format][1][key].is_floating_point()]
    for key in one_layer[:: 1 if read is load else 3]:
        with pytest.raises(CheckpointError, match=key):
            read(write(format, {key: None}))


@every_reader
def test_integers_in_the_place_of_floats(saved, write, format, read):
    key = f"{LAYER}.output.LayerNorm.weight"
    with pytest.raises(CheckpointError, match=f"`{key}` .* holds integers where floats belong"):
        read(write(format, {key: saved[format][1][key].to(torch.int8)}))


OTHER_KINDS = [
    *(("weight", dtype) for dtype in (torch.uint8, torch.int32, torch.bool)),
    *((key, torch.int32) for key in ("weight_scale", "input_scale", "bias")),
]


@pytest.mark.parametrize("read", [load, info, optimize])
@pytest.mark.parametrize(("key", "dtype"), OTHER_KINDS, ids=[f"{key} {dtype}" for key, dtype in OTHER_KINDS])
def test_tensors_of_a_quantized_layer_of_another_kind(saved, write, key, dtype, read):
    key = f"{LAYER}.attention.output.dense.{key}"
    directory = write("compressed-tensors", {key: saved["compressed-tensors"][1][key].to(dtype)})
    with pytest.raises(CheckpointError, match=f"`{key}`"):
        read(directory)


@every_reader
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_floats_that_are_no_numbers(saved, write, format, read, value):
    if read is info:
        pytest.skip("which reads no weights")
    key = f"{LAYER}.output.LayerNorm.bias"
    with pytest.raises(CheckpointError, match=f"`{key}` has NaN or infinite values"):
        read(
            write(
                format,
                {key: torch.full_like(saved[format][1][key], value)},
            )
        )


def test_a_weight_in_bfloat16_that_is_no_number(saved, write):
    key = f"{LAYER}.output.dense.weight"
    with pytest.raises(CheckpointError, match=f"`{key}` has NaN or infinite values"):
        load(write("bf16", {key: torch.full_like(saved["bf16"][1][key], float("nan"))}))


@pytest.mark.parametrize("format", ["compressed-tensors", "inc", "bf16"])
def test_no_weight_is_computed_in_float(format, saved, write, monkeypatch):
    """That takes the memory of the float model: four times that of the integers."""
    monkeypatch.setattr(FloatView, "read", lambda view: pytest.fail("a weight was read"))
    load(write(format, {}))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.0, -1.0, 1e-39])
@pytest.mark.parametrize("key", ["weight_scale", "input_scale"])
@pytest.mark.parametrize(
    ("format", "read"), [("inc", load), ("inc", info), ("compressed-tensors", load), ("compressed-tensors", optimize)]
)
def test_scales_that_are_none(saved, write, format, read, key, value):
    key = f"{LAYER}.attention.output.dense.{key}"
    with pytest.raises(
        CheckpointError, match=f"`{key}` has (values that are not positive and finite|denormal values)"
    ):
        read(write(format, {key: torch.full_like(saved[format][1][key], value)}))


def test_what_is_quantized_never_writes_denormal_scales():
    model = tiny_model("bert")
    with torch.no_grad():
        model.classifier.weight[0] = 1e-40
    result = quantized(model)
    assert result.model.classifier.weight_scale.min() >= torch.finfo(torch.float32).tiny
    assert logits_of(result.model).isfinite().all()


def test_another_head_is_still_allowed(tmp_path):
    """A float model of another class has no such head: transformers says so and makes a new one."""
    tiny_model("bert").bert.save_pretrained(tmp_path)
    assert isinstance(load(tmp_path), BertForSequenceClassification)


def test_weights_in_several_files(saved, tmp_path):
    result = quantized("bert", "static")
    result.model.save_pretrained(tmp_path, max_shard_size="4KB")
    files = sorted(tmp_path.glob("model-*.safetensors"))
    assert len(files) > 1
    assert torch.equal(logits_of(optimize(tmp_path)), logits_of(result.model))


@pytest.mark.parametrize(
    "entries",
    [
        {"quantization_config": []},
        {"quantization_config": "int8"},
        {"quantization_config": 8},
        {"quantization_config": {"quant_method": "inc", "format_version": 1, "groups": {"a": 1}}},
        {"quantization_config": {"quant_method": "inc", "format_version": 1, "groups": [7]}},
        {
            "quantization_config": {
                "quant_method": "inc",
                "format_version": 1,
                "groups": [{"modules": 5, "scheme": {}}],
            }
        },
        {"quantization_config": {"quant_method": "compressed-tensors", "config_groups": []}},
        {"inc_bf16_modules": 7},
        {"inc_bf16_modules": "classifier"},
        {"inc_bf16_modules": {"classifier": 1}},
        {"inc_hf_slim": 7},
        {"inc_hf_slim": []},
        {"inc_hf_slim": {"heads": [3]}},
        {"inc_hf_slim": {"heads": {"encoder.layer.0.attention": "two"}}},
    ],
    ids=str,
)
def test_config_blocks_of_a_wrong_type(write, entries):
    format = "bf16" if "inc_bf16_modules" in entries else "slim heads" if "inc_hf_slim" in entries else "inc"
    for read in (load, info):
        with pytest.raises(UsageError if read is info else CheckpointError):
            read(write(format, config=entries))
