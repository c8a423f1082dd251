"""`inc-hf benchmark`."""

import json

import pytest
from tiny import quantized, tiny_model, tiny_tokenizer

from inc_hf.commands.main import main


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
