"""`inc-hf benchmark`."""

import json

import damaged
import pytest
from commandline import error_line
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


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    return damaged.build(tmp_path_factory.mktemp("damaged"))


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
        (["{int8}", "--seconds", "0"], "--seconds: it takes a number above 0, got '0'"),
        (["{int8}", "--seconds", "nan"], "--seconds: it takes a number above 0, got 'nan'"),
        (["{int8}", "--seconds", "inf"], "--seconds: it takes a number above 0, got 'inf'"),
        (["{int8}", "--iterations", "-7"], "--iterations: it takes a whole number of at least 1"),
        (["{int8}", "--instances", "0"], "--instances: it takes a whole number of at least 1"),
        (["{int8}", "--cores", "0"], "--cores: it takes a whole number of at least 1"),
        (["{int8}", "--warmup", "-1"], "--warmup: it takes a whole number of at least 0"),
        (["{int8}", "--batch", "0"], "--batch: it takes a whole number of at least 1, got '0'"),
        (["{int8}", "--batch", "-1"], "--batch: it takes a whole number of at least 1, got '-1'"),
        (["{int8}", "--seq", "0"], "--seq: it takes a whole number of at least 1, got '0'"),
        (["{int8}", "--seq", "-4"], "--seq: it takes a whole number of at least 1, got '-4'"),
        (["{int8}", "--task", "image-classification"], "models of the type 'bert' cannot do 'image-classification'"),
        (["./absent"], "absent"),
        (["{config_list}"], "config_list cannot be loaded: "),
        (["{martian}"], "martian cannot be loaded: "),
        (["{size_text}"], "size_text cannot be loaded: "),
        (["{size_negative}"], "size_negative cannot be loaded: "),
        (["{architecture_number}"], "architecture_number does not say what model it is"),
        (["{int8}", "--task", "text-classification", "--dataset", "{fake_parquet}"], "cannot be read as a dataset"),
        (["{int8}", "--json", "folder"], "folder is a directory; give the name of a file"),
        (["{int8}", "--json", "occupied/result.json"], "occupied is a file; choose another directory"),
        (["{int8}", "--plot", "folder"], "folder is a directory; give the name of a file"),
        (["{int8}", "--plot", "latency.xyz"], "latency.xyz must end with one of"),
    ],
    ids=lambda value: "" if isinstance(value, str) else " ".join(value) or "nothing",
)
def test_bad_benchmarks(arguments, match, places, tmp_path, capsys):
    if "--plot" in arguments:
        pytest.importorskip("matplotlib")
    (tmp_path / "occupied").write_text("mine")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    assert main(["benchmark", *(a.format(**places) for a in arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and match in error_line(captured.err)
    assert sorted(tmp_path.rglob("*")) == before
