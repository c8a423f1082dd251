"""The files that run a model: for all architectures the same outputs, integers and zeros as in torch."""

import functools
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from folders import names_in
from onnx import numpy_helper
from shared import made_once, model_of
from slow import ONNX
from tiny import logits_of, tiny_inputs, tiny_model
from transformers import (
    BigBirdConfig,
    BigBirdForSequenceClassification,
    ProphetNetConfig,
    ProphetNetForConditionalGeneration,
    XLNetConfig,
    XLNetLMHeadModel,
)

from inc_hf.config import Torch2ONNXConfig
from inc_hf.errors import UsageError
from inc_hf.export import export_model
from inc_hf.export.built_in import METADATA
from inc_hf.export.layout import remove_older
from inc_hf.export.onnx import ExportError
from inc_hf.quantize.nn import QLinear, quantized_modules
from inc_hf.runtimes import from_files

ENCODERS = ["bert", "roberta", "distilbert", "albert", "electra", "deberta", "mpnet", "vit"]
GENERATING = ["gpt2", "llama", "t5", "whisper"]
BOTH_PARTS = ("encoder_model", "decoder_model_merged")
SIZES = {"bert": {}, "t5": {"d_model": 64, "d_ff": 256, "vocab_size": 512}}


@pytest.fixture(scope="module")
def float_files(shared_folder):
    """Name -> the files of the float model of `SIZES`; to be read only."""

    def files(name):
        make = functools.partial(export_model, tiny_model(name, **SIZES[name]))
        return sorted(made_once(shared_folder / f"{name}-sizes", make).iterdir(), reverse=True)

    return files


def int8_initializers(paths):
    graphs = [onnx.load(path).graph for path in paths]
    arrays = [numpy_helper.to_array(tensor) for graph in graphs for tensor in graph.initializer]
    return [array for array in arrays if array.dtype == np.int8 and array.ndim > 1]


def distinct(arrays):
    """By content: small matrices are transposed when they are written, once for each use."""
    rows = {array.tobytes(): array for array in (np.squeeze(array) for array in arrays)}
    return {min(key, array.T.tobytes()): array for key, array in rows.items()}


# Not the zeros of t5 and whisper: their two files take longest, and zeros are written the same way for all.
@pytest.mark.slow(*ONNX)
@pytest.mark.parametrize(
    ("name", "approach"),
    [
        (name, approach)
        for name in ENCODERS + GENERATING
        for approach in ("static", "dynamic", "sparse")
        if (name, approach) not in (("t5", "sparse"), ("whisper", "sparse"))
    ],
)
def test_parity(name, approach, onnx_files):
    model = model_of(name, approach)
    inputs = tiny_inputs(model, batch_size=8)
    expected = logits_of(model, inputs)
    paths = onnx_files(name, approach)
    stems = BOTH_PARTS if name in ("t5", "whisper") else ("model",)
    assert [path.name for path in paths] == [f"{stem}_quantized.onnx" for stem in stems]
    got = from_files(type(model), model.config, paths, "onnxruntime")(**inputs).logits
    # A difference of 1e-7 can move an activation to the next integer: then a sample is off by a quantization step.
    differences = (got - expected).abs().flatten(1).amax(1) / expected.abs().max()
    assert differences.max() <= 5e-2
    assert (differences <= 1e-4).float().mean() >= 0.75

    stored = distinct(int8_initializers(paths))
    weights = {key: distinct([module.codes.numpy()]) for key, module in quantized_modules(model).items()}
    assert set(stored) <= set().union(*weights.values())
    # What small constants go through is computed when the file is written: it need not be there.
    linears = [key for key, m in quantized_modules(model).items() if isinstance(m, QLinear) and "pos_" not in key]
    assert set().union(*(weights[key] for key in linears)) <= set(stored)
    if approach == "sparse":
        assert max((array == 0).mean() for array in stored.values()) > 0.4


@pytest.mark.slow(*ONNX)
def test_two_steps_share_their_weights(float_files):
    _, decoder = float_files("t5")
    graph = onnx.load(decoder).graph
    assert [node.op_type for node in graph.node] == ["If"]
    assert all(not branch.g.initializer for branch in graph.node[0].attribute)
    matrices = [tuple(tensor.dims) for tensor in graph.initializer if len(tensor.dims) == 2 and min(tensor.dims) > 32]
    assert sorted(matrices) == [(64, 256), (256, 64), (512, 64)]
    assert "use_cache_branch" in [value.name for value in graph.input]


def test_names_that_other_programs_know(onnx_files):
    (path,) = onnx_files("llama", "float")
    graph = onnx.load(path).graph
    axes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim] for value in graph.input
    }
    assert axes == {
        "input_ids": ["batch", "sequence"],
        "attention_mask": ["batch", "total_sequence"],
        "position_ids": ["batch", "sequence"],
        "past_key_values.0.key": ["batch", 2, "past_sequence", 8],
        "past_key_values.0.value": ["batch", 2, "past_sequence", 8],
    }
    assert [value.name for value in graph.output] == ["logits", "present.0.key", "present.0.value"]


@pytest.mark.parametrize("name", ["bert", pytest.param("t5", marks=pytest.mark.slow(*ONNX))])
def test_bf16_weights(name, float_files, tmp_path):
    model = tiny_model(name, **SIZES[name])
    size = sum(path.stat().st_size for path in float_files(name))
    half = tiny_model(name, **SIZES[name]).bfloat16()
    paths = export_model(half, tmp_path, Torch2ONNXConfig("bf16"))
    assert all(path.stem.endswith("_bf16") for path in paths)
    types = [tensor.data_type for path in paths for tensor in onnx.load(path).graph.initializer if tensor.dims]
    assert types.count(onnx.TensorProto.BFLOAT16) > 0.8 * len([t for t in types if t != onnx.TensorProto.INT64])
    assert sum(path.stat().st_size for path in paths) < size
    got = from_files(type(model), model.config, paths, "onnxruntime")(**tiny_inputs(model)).logits
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, logits_of(half.float()), rtol=1e-4, atol=1e-4)


def test_no_trace_of_where_it_was_made(onnx_files):
    (path,) = onnx_files("bert", "dynamic")
    assert b"site-packages" not in path.read_bytes()
    assert {p.key: p.value for p in onnx.load(path).metadata_props}["inc_hf_weight_bits"] in ("7", "8")


def test_what_cannot_be_exported(tmp_path):
    with pytest.raises(ValueError, match="is not quantized and in float32, but `dtype='bf16'` is asked for"):
        export_model(tiny_model("bert"), tmp_path, Torch2ONNXConfig("bf16"))
    mixed = tiny_model("bert")
    mixed.classifier.half()
    with pytest.raises(ValueError, match="in float32 or all in bfloat16 are exported, this one has torch.float16"):
        export_model(mixed, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_decoder_without_a_cache(tmp_path):
    model = XLNetLMHeadModel(XLNetConfig(vocab_size=64, d_model=16, n_layer=1, n_head=2, d_inner=32)).eval()
    with pytest.raises(UsageError, match="XLNetLMHeadModel does not keep one key and one value per layer"):
        export_model(model, tmp_path)


OTHER_MODELS = {
    "axk2": "does not keep one key and one value per layer",  # but the keys of an indexer, too
    "minimax": "does not keep one key and one value per layer",
    "kosmos-2.5": "counts the positions of its tokens in a way of its own",
    "pp_formulanet": "gives its decoder something else than the last hidden state of its encoder",
}


@pytest.mark.parametrize("model_type", OTHER_MODELS)
def test_a_model_that_no_files_can_run(model_type, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "scripts")
    from architectures.models import tiny_model as built

    with pytest.raises(UsageError, match=OTHER_MODELS[model_type]):
        export_model(built(model_type, ""), tmp_path)


def test_a_decoder_of_one_token_at_a_time(tmp_path):
    sizes = {f"num_{part}": 1 for part in ("encoder_layers", "decoder_layers")}
    heads = dict.fromkeys(("num_encoder_attention_heads", "num_decoder_attention_heads"), 2)
    config = ProphetNetConfig(vocab_size=64, hidden_size=16, encoder_ffn_dim=32, decoder_ffn_dim=32, **sizes, **heads)
    with pytest.raises(UsageError, match="ProphetNetForConditionalGeneration is not cut into .*length 1.*'torch'"):
        export_model(ProphetNetForConditionalGeneration(config).eval(), tmp_path)


@pytest.mark.parametrize(
    "dtype, gone", [("fp32", {"model_quantized.onnx"}), ("int8", {"model.onnx"})], ids=["float now", "quantized now"]
)
def test_files_of_a_model_that_was_here_before(dtype, gone, tmp_path, caplog):
    """Ours go; those of other tools stay, and are named, since they would be run as well."""
    names = {"model.onnx", "model_quantized.onnx"}
    for folder, metadata in (("ours", {METADATA: "{}"}), ("theirs", {})):
        (tmp_path / folder).mkdir()
        for name in names:
            model = onnx.ModelProto()
            onnx.helper.set_model_props(model, metadata)
            onnx.save(model, tmp_path / folder / name)
        (tmp_path / folder / "encoder_model.onnx").write_text("no file of ONNX")
        remove_older(tmp_path / folder, dtype)
    assert set(names_in(tmp_path / "ours")) == names - gone | {"encoder_model.onnx"}
    assert set(names_in(tmp_path / "theirs")) == names | {"encoder_model.onnx"}
    assert f"theirs/{gone.pop()} stays, which we did not write" in caplog.text


def test_attention_that_hangs_on_the_length(tmp_path):
    config = BigBirdConfig(vocab_size=64, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)
    model = BigBirdForSequenceClassification(config).eval()
    with pytest.raises(ValueError, match="BigBirdForSequenceClassification attends in sparse blocks to long texts"):
        export_model(model, tmp_path)
    assert model.config.attention_type == "block_sparse" and not list(tmp_path.iterdir())


class Unknown(torch.nn.Module):
    def forward(self, x):
        return x + torch.linalg.eigvals(x @ x.transpose(-1, -2)).real.sum()


class Branching(torch.nn.Module):
    def forward(self, x):
        return x if x.sum().item() > 0 else -x


@pytest.mark.parametrize(
    "module, match",
    [
        (Unknown(), r"the operator aten.linalg_eig\w* of `bert.pooler.activation` is not known to ONNX"),
        (Branching(), "data-dependent expression(.|\n)* \\(in `bert.pooler.activation`\\)"),
    ],
    ids=["operator", "branch"],
)
def test_the_module_that_cannot_be_exported_is_named(module, match, tmp_path, capfd):
    model = tiny_model("bert")
    model.bert.pooler.activation = module
    with pytest.raises(ExportError, match=match):
        export_model(model, tmp_path)
    assert not list(tmp_path.iterdir())
    assert capfd.readouterr().out == ""
