"""Models as ONNX files: the same outputs in ONNX Runtime, from the same integers and scales."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from shared import model_of
from slow import ONNX
from tiny import TinyNet, logits_of, quantized, tiny_inputs, tiny_model
from torch import nn

from inc_hf import ops, optimize
from inc_hf.backends.onnxruntime import open_session
from inc_hf.config import Torch2ONNXConfig
from inc_hf.export import export
from inc_hf.export.made_of import WEIGHTS
from inc_hf.export.onnx import ExportError, metadata_of
from inc_hf.quantize.nn import QLinear

pytestmark = pytest.mark.slow(*ONNX)


def inputs_of(model):
    """Of another size than those that the export makes up."""
    inputs = tiny_inputs(model)
    has_types = getattr(model.config, "type_vocab_size", 0) > 1
    return {**inputs, "token_type_ids": torch.zeros_like(inputs["input_ids"])} if has_types else inputs


def operators(path):
    return {node.op_type for node in onnx.load(path).graph.node}


def initializers(path):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


@pytest.mark.parametrize("approach", ["float", "dynamic", "static"])
@pytest.mark.parametrize("name", ["bert", "gpt2", "vit"])
def test_the_same_outputs(name, approach, tmp_path):
    model = model_of(name, approach)
    before = logits_of(model)
    path = export(model, tmp_path / "model.onnx")
    got = open_session(path)(inputs_of(model))["logits"]
    differences = (got - before).abs().flatten(1).amax(1) / before.abs().max()
    # A difference of 1e-7 can move an activation to the next integer; that should be rare.
    assert differences.max() <= (1e-4 if approach == "float" else 5e-2)
    assert (differences <= 1e-4).float().mean() > 0.6
    assert torch.equal(logits_of(model), before)
    assert [entry.name for entry in tmp_path.iterdir()] == ["model.onnx"]
    assert (approach == "float") == operators(path).isdisjoint({"MatMulInteger", "QuantizeLinear"})


@pytest.mark.parametrize("tokens", [6, 1])
def test_an_example_of_one_text_is_written_for_any_batch(tokens, tmp_path):
    model = model_of("bert", "dynamic")
    one = {name: tensor[:1, :tokens] for name, tensor in inputs_of(model).items()}
    path = export(model, tmp_path / "model.onnx", Torch2ONNXConfig(example_inputs=one))
    torch.testing.assert_close(open_session(path)(inputs_of(model))["logits"], logits_of(model), rtol=1e-3, atol=1e-3)


def test_static_as_integer_operators(tmp_path):
    model = model_of("bert", "static")
    path = export(model, tmp_path / "model.onnx", Torch2ONNXConfig(quant_format="QOperator"))
    assert "MatMulInteger" in operators(path) and "DequantizeLinear" not in operators(path)
    got = open_session(path)(inputs_of(model))["logits"]
    torch.testing.assert_close(got, logits_of(model), rtol=1e-4, atol=1e-4)


def test_integers_and_zeros_are_those_of_the_model(tmp_path):
    model = model_of("bert", "sparse")
    weight = model.bert.encoder.layer[0].intermediate.dense.codes
    found = initializers(export(model, tmp_path / "model.onnx"))
    assert (weight == 0).float().mean() > 0.4
    kept = [weight.numpy(), weight.T.numpy()]  # small matrices are transposed when they are written
    assert any(np.array_equal(array, codes) for array in found.values() for codes in kept)
    assert not any(array.dtype == "float32" and array.ndim == 2 and min(array.shape) > 1 for array in found.values())


def test_the_model_comes_back_as_it_was(tmp_path):
    """Some change with what they are called with, BigBird its kind of attention."""

    class Changing(TinyNet):
        def forward(self, x):
            self.kind, self.linear.extra = "short", 1
            return super().forward(x)

    model = Changing()
    model.kind = "long"
    export(model, tmp_path / "model.onnx", Torch2ONNXConfig("fp32", example_inputs=torch.ones(2, 4)))
    assert model.kind == "long" and not hasattr(model.linear, "extra")


def test_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("text")
    with pytest.raises(ValueError, match="is a file; choose another directory"):
        export(
            nn.Identity(), tmp_path / "file" / "model.onnx", Torch2ONNXConfig("fp32", example_inputs=torch.ones(2, 4))
        )


def test_weights_beside_a_file_that_would_be_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("inc_hf.export.onnx.graph.LARGEST", 100)
    model = model_of("bert", "dynamic")
    path = export(model, tmp_path / "model.onnx")
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["model.onnx", "model.onnx_data"]
    assert (open_session(path)(inputs_of(model))["logits"] - logits_of(model)).abs().max() < 1e-4


def test_a_model_that_is_none_of_transformers(tmp_path, caplog):
    names = {"input_names": ["input"], "output_names": ["scores"]}  # the user's own, as in INC
    axes = {"input": {0: "batch_size"}, "scores": {0: "batch_size"}}
    conf = Torch2ONNXConfig("fp32", 14, example_inputs=torch.randn(2, 4), **names, dynamic_axes=axes)
    path = export(TinyNet(), tmp_path / "model.onnx", conf)
    assert open_session(path)({"input": torch.zeros(5, 4)})["scores"].shape == (5, 2)
    assert "In the file x is called input, output is called scores." in caplog.text


class Unwritable(nn.Module):
    def forward(self, x):
        return x if x.sum().item() > 0 else -x


@pytest.mark.parametrize(
    "model, conf, error, match",
    [
        (
            "bert",
            Torch2ONNXConfig("int8"),
            ValueError,
            "not quantized and in float32, but `dtype='int8'` is asked for; set `dtype='fp32'",
        ),
        (
            "bert",
            Torch2ONNXConfig("fp32", output_names=["scores", "more"]),
            ValueError,
            r"no outputs \['scores', 'more'\], only logits",
        ),
        (
            "bert",
            Torch2ONNXConfig("fp32", input_names=list("abcde")),
            ValueError,
            r"no inputs \['a', 'b', 'c', 'd', 'e'\], only input_ids, att",
        ),
        (
            TinyNet().half(),
            None,
            ValueError,
            "Only models in float32 or all in bfloat16 are exported, this one has torch.float16",
        ),
        (TinyNet(), None, ValueError, "`example_inputs` is needed for a TinyNet"),
        (
            Unwritable(),
            Torch2ONNXConfig("fp32", example_inputs=torch.ones(2, 4)),
            ExportError,
            "Unwritable cannot be wr",
        ),
    ],
)
def test_what_cannot_be_exported(model, conf, error, match, tmp_path):
    model = tiny_model(model) if isinstance(model, str) else model
    with pytest.raises(error, match=match):
        export(model, tmp_path / "model.onnx", conf)
    assert not list(tmp_path.iterdir())


class Changing(nn.Module):
    def forward(self, x):
        return x + 1 if torch.compiler.is_exporting() else x


def test_a_file_that_computes_something_else_is_not_kept(tmp_path):
    with pytest.raises(
        ExportError,
        match="something else: on a batch of .* by .*, more than 1e-04; nothing was written",
    ):
        export(Changing(), tmp_path / "model.onnx", Torch2ONNXConfig("fp32", example_inputs=torch.randn(2, 4)))
    assert not list(tmp_path.iterdir())


def test_files_that_cannot_be_loaded(tmp_path):
    path = export(TinyNet(), tmp_path / "model.onnx", Torch2ONNXConfig("fp32", example_inputs=torch.randn(2, 4)))
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ValueError, match="ONNX Runtime cannot load"):
        open_session(path)
    with pytest.raises(FileNotFoundError, match="There is no ONNX file"):
        open_session(tmp_path / "none.onnx")


@pytest.mark.parametrize("name", ["bert", "vit"])
def test_without_the_exporter_of_transformers(name, tmp_path, monkeypatch):
    """As with versions of transformers that have none, or another one."""
    monkeypatch.setattr("inc_hf.export.onnx.program.HAS_EXPORTER", False)
    model = model_of(name, "dynamic")
    path = export(model, tmp_path / "model.onnx")
    torch.testing.assert_close(open_session(path)(inputs_of(model))["logits"], logits_of(model), rtol=1e-4, atol=1e-4)
    assert operators(path) & {"MatMulInteger"}


@pytest.mark.parametrize("approach", ["dynamic", "static"])
def test_a_model_that_was_optimized(approach, onnx_files, tmp_path):
    """Its integers are packed, activations fused and inputs shared."""
    model = model_of("bert", approach)
    (file,) = onnx_files("bert", approach)
    expected = file.stat().st_size - len(metadata_of(file)[WEIGHTS])  # which a file of any other place lacks
    optimize(model)
    before = logits_of(model)
    path = export(model, tmp_path / "optimized.onnx")
    torch.testing.assert_close(open_session(path)(inputs_of(model))["logits"], before, rtol=1e-2, atol=1e-2)
    assert torch.equal(logits_of(model), before)
    assert model.bert.encoder.layer[0].intermediate.dense.is_released == ops.is_native()
    assert path.stat().st_size == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("quant_format", ["QDQ", "QOperator"])
def test_a_model_for_onnx_has_static_scales_only_and_multiplies_to_smooth(quant_format, tmp_path):
    model = quantized("bert", "static", quant_format=quant_format).model
    assert all(m.scheme.is_static for m in model.modules() if isinstance(m, QLinear))
    path = export(model, tmp_path / "model.onnx", Torch2ONNXConfig(quant_format=quant_format))
    smoothed = [m.smooth_scale for m in model.modules() if isinstance(m, QLinear) and m.smooth_scale is not None]
    found = initializers(path).values()
    assert smoothed and all(any(np.array_equal(array, 1 / s) for array in found) for s in smoothed)
    got = open_session(path)(inputs_of(model))["logits"]
    assert ((got - logits_of(model)).abs() <= 5e-2 * logits_of(model).abs().max()).all()


def test_feed_forward_products_of_a_static_model_keep_their_scales_per_token(tmp_path):
    model = model_of("bert", "static")
    path = export(model, tmp_path / "model.onnx")
    assert {"QuantizeLinear", "MatMulInteger", "ReduceMax"} <= operators(path)
    layers = [node for node in onnx.load(path).graph.node if node.op_type == "MatMulInteger"]
    assert len(layers) == 2
