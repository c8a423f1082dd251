"""`inc-hf benchmark` and `inc-hf convert`."""

import json

import pytest
import torch
from tiny import logits_of, quantized, tiny_model, tiny_tokenizer
from transformers import AutoModelForSequenceClassification

from inc_hf import IncModelForSequenceClassification
from inc_hf.commands.main import main
from inc_hf.quantize.bf16 import bf16_modules

pytest_plugins = ["cli_fixture"]
pytestmark = pytest.mark.usefixtures("elsewhere")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, model in (("fp32", tiny_model("bert")), ("int8", quantized("bert"))):
        model.save_pretrained(folder / name)
        tiny_tokenizer().save_pretrained(folder / name)
    (folder / "dev.tsv").write_text("sentence\tlabel\n" + "the film was good\t1\na dull plot\t0\n" * 4)
    return folder


def test_benchmark(models, capsys, tmp_path):
    pytest.importorskip("matplotlib")
    arguments = ["--baseline", str(models / "fp32"), "--seconds", "0.5", "--batch", "2", "--seq", "16"]
    scores = ["--task", "text-classification", "--dataset", str(models / "dev.tsv")]
    output = ["--json", "out/result.json", "--plot", "out/latency.png"]
    assert main(["benchmark", str(models / "int8"), *arguments, *scores, *output]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "int8 on torch" in text and "fp32 (baseline)" in text and "was measured twice" in text
    found = json.loads((tmp_path / "out" / "result.json").read_text())
    assert [m["score"] is not None for m in found["measurements"]] == [True, True]
    assert found["noise"] >= 0 and found["about"]["batches"].startswith("batches of 2 x 16")
    assert (tmp_path / "out" / "latency.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "arguments, match",
    [
        ([], "Which model?"),
        (["{int8}", "--instances", "999"], "need 999 physical cores"),
        (["{int8}", "--backend", "tensorrt"], "got 'tensorrt'"),
        (["{int8}", "--dataset", "x.tsv"], "needs --task"),
        (["{int8}", "--seconds", "0"], "`seconds` must be larger than 0"),
        (["{int8}", "--iterations", "-7"], "`iteration`"),
    ],
    ids=lambda value: "",
)
def test_bad_benchmarks(arguments, match, models, capsys):
    assert main(["benchmark", *(a.format(int8=models / "int8") for a in arguments)]) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert match in error and "Traceback" not in error


def test_convert(models, capsys):
    arguments = [str(models / "fp32"), "-o", "bf16", "--keep-fp32", "classifier"]
    assert main(["convert", *arguments]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "MB, in float32" in text and "10 modules in bfloat16" in text and "BF16" in text
    model = IncModelForSequenceClassification.from_pretrained("bf16")
    assert len(bf16_modules(model)) == 10 and "classifier" not in bf16_modules(model)
    plain = AutoModelForSequenceClassification.from_pretrained("bf16")
    torch.testing.assert_close(logits_of(model), logits_of(plain), rtol=0.05, atol=0.05)
    assert main(["convert", *arguments]) == 2
    assert "bf16 is not empty" in " ".join(capsys.readouterr().err.split())


def test_convert_to_a_goal(models):
    goal = ["--task", "text-classification", "--dataset", str(models / "dev.tsv"), "--tolerance", "0.5"]
    assert main(["convert", str(models / "fp32"), "-o", "out", *goal]) == 0
    assert main(["convert", str(models / "fp32"), "-o", "fp16", "--dtype", "fp16"]) == 2
