"""`inc-hf export`; under `optimum-cli` in `test_register_inc_hf.py`."""

import re

import pytest
import torch
from slow import ONNX
from tiny import logits_of, quantized, tiny_inputs, tiny_model, tiny_tokenizer
from transformers import pipeline

from inc_hf import IncModelForSeq2SeqLM, IncModelForSequenceClassification
from inc_hf.backends.onnxruntime import open_session
from inc_hf.commands.export import dtype_to_load
from inc_hf.commands.main import main


@pytest.fixture(scope="module")
def int8(tmp_path_factory):
    folder = tmp_path_factory.mktemp("int8") / "model"
    quantized("bert").save_pretrained(folder, tiny_tokenizer())
    return folder


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_beside_the_weights(int8, capsys):
    before = files(int8)
    assert main(["export", str(int8)]) == 0
    assert sorted({*before, "onnx/model_quantized.onnx"}) == files(int8)
    out = " ".join(capsys.readouterr().out.split())
    assert "model_quantized.onnx" in out and re.search(r"\d+\.\d MB", out)
    model = IncModelForSequenceClassification.from_pretrained(int8, backend="onnxruntime")
    assert model.files == [int8 / "onnx" / "model_quantized.onnx"]
    expected = logits_of(IncModelForSequenceClassification.from_pretrained(int8))
    torch.testing.assert_close(model(**tiny_inputs(model)).logits, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.slow("inc_hf/commands", *ONNX)
def test_in_a_directory_of_its_own(int8, tmp_path):
    assert main(["export", "-m", str(int8), "-o", "out", "--quant-format", "QOperator"]) == 0
    found = files(tmp_path / "out")
    assert {"config.json", "onnx/model_quantized.onnx", "tokenizer.json", "tokenizer_config.json"} == set(found)
    model = IncModelForSequenceClassification.from_pretrained("out", backend="onnxruntime")
    assert pipeline("text-classification", model=model, tokenizer="out")("the film was good")[0]["label"]
    assert main(["export", str(int8), "-o", "out"]) == 2
    assert main(["export", str(int8), "-o", "out", "--overwrite", "--inputs", "position_ids, attention_mask"]) == 0
    session = open_session(tmp_path / "out" / "onnx" / "model_quantized.onnx")
    assert session.input_names == ["input_ids", "attention_mask", "token_type_ids", "position_ids"]


@pytest.mark.parametrize(
    "stored, asked, expected",
    [
        (torch.float32, None, torch.float32),
        (torch.bfloat16, None, torch.bfloat16),
        (torch.float16, None, torch.float32),
        (torch.bfloat16, "fp32", torch.float32),
        (torch.float32, "bf16", torch.bfloat16),
    ],
    ids=str,
)
def test_dtype_of_the_file(stored, asked, expected, tmp_path):
    tiny_model("bert").to(stored).save_pretrained(tmp_path / "model")
    assert dtype_to_load(str(tmp_path / "model"), asked) == expected


@pytest.mark.parametrize(
    "name, suffix",
    [("bert", "_bf16"), pytest.param("t5", "", marks=pytest.mark.slow("inc_hf/commands", *ONNX))],
)
def test_other_dtypes_and_kinds(name, suffix, tmp_path):
    model = tiny_model(name)
    if name == "t5":
        model.generation_config.decoder_start_token_id = 0
    model.save_pretrained("model")
    assert main(["export", "model", *(["--dtype", "bf16"] if suffix else [])]) == 0
    stems = ["model"] if name == "bert" else ["decoder_model_merged", "encoder_model"]
    assert files(tmp_path / "model" / "onnx") == [f"{stem}{suffix}.onnx" for stem in stems]
    if name == "t5":
        other = IncModelForSeq2SeqLM.from_pretrained("model", backend="onnxruntime")
        ids = tiny_inputs(model)["input_ids"]
        settings = {"max_new_tokens": 8, "do_sample": False}
        assert torch.equal(other.generate(ids, **settings), model.generate(ids, **settings))


@pytest.mark.parametrize(
    "arguments, match",
    [
        ([], "Which model?"),
        (["absent"], "absent is no directory that could hold the files; say where with -o DIR"),
        (["./absent", "-o", "out"], "absent"),
        (["model", "--task", "nothing"], "Unknown task 'nothing'"),
        (["model", "-o", "full"], "full is not empty"),
        (["model", "--opset", "5"], "--opset: it takes a whole number of at least 18, got '5'"),
        (["broken"], "truncated"),
        (["model", "--inputs", "boxes"], "BertForSequenceClassification has no inputs ['boxes'], only input_ids"),
        (["int8", "--dtype", "bf16"], "int8 is quantized; --dtype bf16 is for models that are not"),
    ],
    ids=lambda value: "",
)
def test_bad_input(arguments, match, tmp_path, capsys):
    for name in ("model", "broken"):
        tiny_model("bert").save_pretrained(name)
    if "int8" in arguments:
        quantized("bert").save_pretrained("int8")
    weights = tmp_path / "broken" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:500])
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    before = files(tmp_path)
    capsys.readouterr()
    assert main(["export", *arguments]) == 2
    error = capsys.readouterr().err
    assert match in " ".join(error.split()) and "Traceback" not in error
    assert files(tmp_path) == before
