"""Models with code of their own: refused in one line, unless the user says that it may run."""

import json
import shutil

import pytest
import torch
from commandline import error_line
from own_code import write_own_model
from tiny import logits_of, tiny_inputs, tiny_model
from transformers import AutoModelForSequenceClassification

from inc_hf import IncModel, IncModelForSequenceClassification, IncQuantizer
from inc_hf.benchmark import fit
from inc_hf.benchmark.batches import write_batches
from inc_hf.benchmark.model_worker import load
from inc_hf.benchmark.tasks import batches_for
from inc_hf.callbacks.teacher import load_teacher
from inc_hf.commands.main import main
from inc_hf.errors import UsageError
from inc_hf.models.tokenizer import load_tokenizer
from inc_hf.utils.load_huggingface import OptimizedModel

REFUSED = (
    "needs code of its own, configuration_own.py, modeling_own.py, which would be executed on this machine. Read it; "
    "if you trust who wrote it, pass `trust_remote_code=True` (`--trust-remote-code`)."
)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    return write_own_model(tmp_path_factory.mktemp("own") / "own")


TAKE_A_NAME = {
    "quantizer": IncQuantizer.from_pretrained,
    "model": IncModelForSequenceClassification.from_pretrained,
    "model without a head": IncModel.from_pretrained,
    "INC's loader": OptimizedModel.from_pretrained,
    "benchmark": fit,
    "baseline": lambda name, **trust: fit(tiny_model("bert"), baseline=name, **trust),
    "teacher": lambda name, **trust: load_teacher(name, tiny_model("bert"), **trust),
    "tokenizer": load_tokenizer,
}


@pytest.mark.parametrize("take", TAKE_A_NAME.values(), ids=TAKE_A_NAME)
def test_refused(take, own):
    with pytest.raises(UsageError) as refused:
        take(str(own))
    assert str(refused.value) == f"{own} {REFUSED}"


@pytest.mark.parametrize("command", ["quantize", "convert", "export", "benchmark"])
def test_refused_by_commands(command, own, tmp_path, capsys):
    output = [] if command == "benchmark" else ["-o", str(tmp_path / "out")]
    assert main([command, str(own), *output]) == 2
    assert error_line(capsys.readouterr().err) == f"{own} {REFUSED}"
    assert not (tmp_path / "out").exists()


def test_refused_as_a_baseline(own, capsys, tmp_path):
    tiny_model("bert").save_pretrained(tmp_path)
    assert main(["benchmark", str(tmp_path), "--baseline", str(own)]) == 2
    assert error_line(capsys.readouterr().err) == f"{own} {REFUSED}"


def test_no_answer_but_true_or_false(own):
    with pytest.raises(UsageError, match="`trust_remote_code` must be True or False, got 'yes'"):
        IncQuantizer.from_pretrained(own, trust_remote_code="yes")


def test_quantized_saved_and_loaded(own, tmp_path):
    quantizer = IncQuantizer.from_pretrained(str(own), trust_remote_code=True)
    inputs = tiny_inputs(quantizer.model)
    before = logits_of(quantizer.model, inputs)
    result = quantizer.quantize(save_directory=tmp_path / "int8")
    loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "int8", trust_remote_code=True)
    assert type(loaded).__name__ == "OwnForSequenceClassification"
    assert torch.equal(logits_of(loaded, inputs), logits_of(result.model, inputs))
    torch.testing.assert_close(logits_of(loaded, inputs), before, atol=0.05, rtol=0.05)


@pytest.mark.parametrize("command", ["quantize", "convert", "export"])
def test_commands_that_write(command, own, tmp_path, capsys):
    assert main([command, str(own), "-o", str(tmp_path / "out"), "--trust-remote-code"]) == 0, capsys.readouterr().err
    assert main(["info", str(tmp_path / "out")]) == 0
    assert "OwnForSequenceClassification" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["checkpoint", "float"])
def test_benchmark(kind, own, tmp_path):
    """What a process of it runs."""
    batches = tmp_path / "batches.safetensors"
    write_batches(batches_for(str(own), None, None, 1, 4, trusts=True), batches)
    task = {"model": str(own), "backend": "torch", "kind": kind, "batches": str(batches), "task": None}
    call, facts = load({**task, "trust_remote_code": True, "threads": 1, "inter_threads": None})
    assert call(0) == 1
    assert facts["dtype"] == "float32"


def test_teacher(own):
    teacher = load_teacher(str(own), tiny_model("bert"), trust_remote_code=True)
    assert type(teacher).__name__ == "OwnForSequenceClassification"


def test_code_of_what_transformers_has_is_not_needed(own, tmp_path):
    """Nor is it run."""
    model = tiny_model("bert")
    model.config.auto_map = {"AutoModelForSequenceClassification": "modeling_own.Missing"}
    model.save_pretrained(tmp_path)
    found = IncModelForSequenceClassification.from_pretrained(tmp_path)
    assert torch.equal(logits_of(found), logits_of(AutoModelForSequenceClassification.from_pretrained(tmp_path)))


def test_own_class_of_a_known_config(own, tmp_path):
    """Stock transformers would take its own class, and say nothing."""
    model = tiny_model("bert")
    model.config.auto_map = {"AutoModelForSequenceClassification": "elsewhere/code--modeling_own.OwnBert"}
    model.save_pretrained(tmp_path)
    text = (tmp_path / "config.json").read_text().replace('"BertForSequenceClassification"', '"OwnBert"')
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UsageError, match="needs code of its own, elsewhere/code/modeling_own.py, which"):
        IncModelForSequenceClassification.from_pretrained(tmp_path)


def test_own_tokenizer(own, tmp_path):
    shutil.copytree(own, tmp_path / "own")
    tiny_model("bert").save_pretrained(tmp_path / "own")
    file = tmp_path / "own" / "tokenizer_config.json"
    own_class = {"AutoTokenizer": [None, "tokenization_own.OwnTokenizer"]}
    file.write_text(json.dumps({"auto_map": own_class, "tokenizer_class": "OwnTokenizer"}))
    with pytest.raises(UsageError, match="needs code of its own, tokenization_own.py, which"):
        IncQuantizer.from_pretrained(tmp_path / "own")
