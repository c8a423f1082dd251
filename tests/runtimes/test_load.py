"""The same model on other runtimes: in pipelines, saved and loaded."""

import pytest
import torch
from tiny import logits_of, quantized, tiny_inputs, tiny_model, tiny_tokenizer
from torch import nn
from transformers import (
    AutoModelForSequenceClassification,
    BartForSequenceClassification,
    BertConfig,
    BertForQuestionAnswering,
    BertForSequenceClassification,
    PreTrainedModel,
    VisualBertForQuestionAnswering,
    pipeline,
)

from inc_hf import IncModelForFeatureExtraction, IncModelForSequenceClassification
from inc_hf.errors import UsageError
from inc_hf.export.part import Part
from inc_hf.export.write import _why_different
from inc_hf.models.dtypes import float_dtypes
from inc_hf.quantize.nn import quantized_modules
from inc_hf.runtimes import RuntimeModel, load, load_model
from inc_hf.runtimes.model import output_class_of

SENTENCES = ["the film was very good", "a dull plot", "not bad"]


@pytest.fixture(scope="module", params=["float", "int8"])
def folder(request, tmp_path_factory):
    """A checkpoint of torch, with its tokenizer."""
    folder = tmp_path_factory.mktemp(request.param)
    tokenizer = tiny_tokenizer()
    if request.param == "float":
        tiny_model("bert").save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    else:
        quantized("bert").save_pretrained(folder, tokenizer)
    return folder


@pytest.fixture(scope="module")
def onnx_model(folder):
    """Exported when it is loaded, as the checkpoint has no ONNX file; not to be changed."""
    return IncModelForSequenceClassification.from_pretrained(folder, backend="onnxruntime")


def test_a_pipeline_gives_the_same_labels(folder, onnx_model, tmp_path):
    torch_model = IncModelForSequenceClassification.from_pretrained(folder)
    assert isinstance(onnx_model, PreTrainedModel) and type(onnx_model).__name__ == type(torch_model).__name__
    results = [
        pipeline("text-classification", model=model, tokenizer=tiny_tokenizer())(SENTENCES)
        for model in (torch_model, onnx_model)
    ]
    for ours, theirs in zip(*results, strict=True):
        assert ours["label"] == theirs["label"] and ours["score"] == pytest.approx(theirs["score"], abs=1e-4)
    onnx_model.save_pretrained(tmp_path / "saved")
    name = "model_quantized.onnx" if "int8" in folder.name else "model.onnx"
    assert sorted(p.name for p in (tmp_path / "saved").rglob("*") if p.is_file()) == ["config.json", name]
    again = IncModelForSequenceClassification.from_pretrained(tmp_path / "saved", backend="onnxruntime")
    inputs = tiny_inputs(torch_model)
    assert torch.equal(again(**inputs).logits, onnx_model(**inputs).logits)
    torch.testing.assert_close(again(**inputs).logits, logits_of(torch_model), rtol=1e-4, atol=1e-4)


def test_features(tmp_path):
    quantized(tiny_model("bert").bert).save_pretrained(tmp_path / "encoder")
    model = IncModelForFeatureExtraction.from_pretrained(tmp_path / "encoder", backend="onnxruntime")
    outputs = model(**tiny_inputs(model))
    assert isinstance(model, RuntimeModel) and outputs.last_hidden_state.shape == (3, 10, 16)
    assert str(model.device) == "cpu" and outputs[0] is outputs.last_hidden_state


def test_errors(folder, onnx_model, tmp_path):
    with pytest.raises(
        ValueError, match="`backend` must be one of auto, torch, onnxruntime, openvino, ipex, got 'tensorrt'"
    ):
        IncModelForSequenceClassification.from_pretrained(folder, backend="tensorrt")
    with pytest.raises(ValueError, match="needs the inputs attention_mask, got input_ids, token_type_ids"):
        onnx_model(input_ids=torch.ones(1, 4, dtype=torch.long))
    broken = tmp_path / "broken"
    onnx_model.save_pretrained(broken)
    (file,) = (broken / "onnx").iterdir()
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(ValueError, match="ONNX Runtime cannot load"):
        IncModelForSequenceClassification.from_pretrained(broken, backend="onnxruntime")


def test_load_model_takes_an_auto_class_or_that_of_a_model(folder):
    model = load_model(BertForSequenceClassification, folder)
    assert type(model) is BertForSequenceClassification and not model.training
    other = load_model(AutoModelForSequenceClassification, folder, backend="onnxruntime")
    assert isinstance(other, BertForSequenceClassification) and isinstance(other, RuntimeModel)
    torch.testing.assert_close(logits_of(other), logits_of(model), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "stored, given, expected",
    [
        (torch.bfloat16, {}, torch.bfloat16),
        (torch.float16, {}, torch.float32),
        (torch.bfloat16, {"dtype": torch.float32}, torch.float32),
    ],
    ids=str,
)
def test_what_is_exported_when_it_is_loaded(stored, given, expected, tmp_path, monkeypatch):
    """Files have no other dtypes."""
    loaded = []
    monkeypatch.setattr(load, "from_torch", lambda model, backend, inputs: loaded.append(model) or model)
    tiny_model("bert").to(stored).save_pretrained(tmp_path)
    IncModelForSequenceClassification.from_pretrained(tmp_path, backend="onnxruntime", **given)
    assert loaded[0].dtype == expected


def test_integers_of_a_half_model_are_exported_in_float32(tmp_path, monkeypatch):
    loaded = []
    monkeypatch.setattr(load, "from_torch", lambda model, backend, inputs: loaded.append(model) or model)
    quantized(tiny_model("bert").bfloat16()).save_pretrained(tmp_path)
    IncModelForSequenceClassification.from_pretrained(tmp_path, backend="onnxruntime")
    assert float_dtypes(loaded[0]) == {torch.float32}


class TestFilesOfOtherWeights:
    """Transformers' own saver does not know of ONNX files that lie in its directory."""

    @pytest.fixture
    def exported(self, folder, onnx_model, tmp_path):
        onnx_model.save_pretrained(tmp_path)
        model = IncModelForSequenceClassification.from_pretrained(folder)
        model.save_pretrained(tmp_path)
        return model

    def test_the_same_weights_saved_again(self, exported, tmp_path):
        loaded = IncModelForSequenceClassification.from_pretrained(tmp_path, backend="onnxruntime")
        torch.testing.assert_close(logits_of(loaded), logits_of(exported), rtol=1e-2, atol=1e-2)
        if not quantized_modules(exported):
            exported.to(torch.bfloat16).to(torch.float32).save_pretrained(tmp_path)  # what bfloat16 keeps of them
            IncModelForSequenceClassification.from_pretrained(tmp_path, backend="onnxruntime")

    def test_weights_that_cannot_be_read_are_not_needed(self, exported, tmp_path):
        (tmp_path / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
        IncModelForSequenceClassification.from_pretrained(tmp_path, backend="onnxruntime")

    @pytest.mark.parametrize("name", ["classifier.bias", "bert.encoder.layer.0.output.LayerNorm.weight"])
    def test_one_tensor_that_was_trained(self, exported, tmp_path, name):
        exported.get_parameter(name).data.mul_(1.1).add_(0.1)
        exported.save_pretrained(tmp_path)
        with pytest.raises(UsageError, match="made of other weights than those that lie in .* `inc-hf export "):
            IncModelForSequenceClassification.from_pretrained(tmp_path, backend="onnxruntime")


class TestDtype:
    """Files are taken in the dtype that is asked for."""

    @pytest.mark.parametrize(
        "is_quantized, dtype, expected",
        [
            (False, None, ("_quantized", "", "_bf16")),
            (False, "auto", ("_quantized", "", "_bf16")),
            (False, torch.float32, ("",)),
            (False, "float32", ("",)),
            (False, torch.bfloat16, ("_bf16",)),
            (True, torch.float32, ("_quantized",)),
        ],
        ids=str,
    )
    def test_how_their_names_end(self, is_quantized, dtype, expected):
        config = BertConfig(**({"quantization_config": {}} if is_quantized else {}))
        for key in ("dtype", "torch_dtype"):
            assert load.variants_of(config, {key: dtype}) == expected

    @pytest.mark.parametrize("is_quantized, dtype", [(False, torch.float16), (True, "bfloat16")], ids=str)
    def test_a_dtype_without_files(self, is_quantized, dtype):
        config = BertConfig(**({"quantization_config": {}} if is_quantized else {}))
        with pytest.raises(
            UsageError, match=f"are in float32.*, got dtype={str(dtype).removeprefix('torch.')}; leave"
        ):
            load.variants_of(config, {"dtype": dtype})

    def test_nothing_but_another_dtype(self, onnx_model, tmp_path):
        onnx_model.save_pretrained(tmp_path / "saved")
        (file,) = (tmp_path / "saved" / "onnx").iterdir()
        file.rename(file.with_name("model_bf16.onnx"))
        with pytest.raises(UsageError, match="has only model_bf16.onnx, none in the dtype"):
            IncModelForSequenceClassification.from_pretrained(
                tmp_path / "saved", backend="onnxruntime", dtype="float32"
            )


class TestInputs:
    def test_what_a_file_does_not_have(self, onnx_model, tmp_path):
        onnx_model.save_pretrained(tmp_path / "saved")
        with pytest.raises(UsageError, match="has no input position_ids, only .*--inputs position_ids"):
            IncModelForSequenceClassification.from_pretrained(
                tmp_path / "saved", backend="onnxruntime", inputs=["position_ids"]
            )
        IncModelForSequenceClassification.from_pretrained(
            tmp_path / "saved", backend="onnxruntime", inputs=["token_type_ids"]
        )

    def test_they_reach_the_export(self, folder, monkeypatch):
        seen = []
        monkeypatch.setattr(load, "from_torch", lambda model, backend, inputs: seen.append(inputs))
        IncModelForSequenceClassification.from_pretrained(folder, backend="onnxruntime", inputs=("position_ids",))
        IncModelForSequenceClassification.from_pretrained(folder, inputs=["position_ids"])  # torch has all
        assert seen == [["position_ids"]]

    def test_a_name_alone(self, folder):
        with pytest.raises(UsageError, match=r"list of names, got 'bbox'; pass \['bbox'\]"):
            IncModelForSequenceClassification.from_pretrained(folder, backend="onnxruntime", inputs="bbox")


@pytest.mark.parametrize(
    "model_class, names, expected",
    [
        (BartForSequenceClassification, ["logits", "encoder_last_hidden_state"], "Seq2SeqSequenceClassifierOutput"),
        (VisualBertForQuestionAnswering, ["logits"], "SequenceClassifierOutput"),
        (BertForQuestionAnswering, ["start_logits", "end_logits"], "QuestionAnsweringModelOutput"),
    ],
)
def test_the_class_of_outputs_is_one_that_has_them(model_class, names, expected):
    assert output_class_of(model_class, names).__name__ == expected


class TakesAll(nn.Module):
    def forward(self, **inputs):
        return {"logits": torch.zeros(3, 2)}


def test_a_batch_that_a_file_does_not_take_is_a_reason_not_to_keep_it(onnx_model):
    (session,) = onnx_model.sessions.values()
    batch = {**tiny_inputs(tiny_model("bert")), "token_type_ids": torch.zeros(3, 4, dtype=torch.long)}
    assert "ONNX Runtime cannot run" in _why_different(session, Part(TakesAll(), [batch], {}), batch, 1e-4)
