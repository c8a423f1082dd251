"""A checkpoint whose layers have different widths, given to whatever takes the directory of a model."""

import json
import logging

import pytest
import torch
from tiny import logits_of, tiny_inputs, tiny_tokenizer
from transformers import AutoTokenizer, BertForSequenceClassification

from inc_hf import IncModelForSequenceClassification, IncQuantizer, PostTrainingQuantConfig, optimize
from inc_hf.commands.main import main
from inc_hf.compression.pruner import model_slim
from inc_hf.config import options
from inc_hf.orchestration import run_stages
from inc_hf.quantization import fit
from inc_hf.quantize.nn import quantized_modules
from inc_hf.utils.load_huggingface import OptimizedModel

TEXTS = ["the film was good", "a dull plot", "great actor but a very bad film"]
APPROACHES = ["dynamic", "static"]


@pytest.fixture(autouse=True)
def options_and_logger_as_before():
    """The command line sets both for its process."""
    logger, values = logging.getLogger("inc_hf"), options.to_dict()
    handlers, level = logger.handlers, logger.level
    yield
    logger.handlers, logger.level = handlers, level
    vars(options).update(values)


@pytest.fixture
def slim(make_masked, tmp_path):
    """A BERT with 3, 4 and 3 heads and the inner widths 28, 32 and 24 that is saved in `slim`, with its tokenizer."""
    columns = [[0, 1, 2, 3], [], list(range(8))]
    model = model_slim(make_masked("bert", [[1], [], [0]], columns), round_multiplier=4)
    model.save_pretrained(tmp_path / "slim")
    tiny_tokenizer().save_pretrained(tmp_path / "slim")
    assert model.config.inc_hf_slim["columns"] and model.config.inc_hf_slim["heads"]
    return model


def quantized_in_memory(model, approach):
    """Logits of the model after quantization, calibrated as the texts are where static."""
    batches = [dict(tiny_tokenizer()(TEXTS, padding=True, return_tensors="pt"))]
    return logits_of(fit(model, PostTrainingQuantConfig(approach=approach), calib_dataloader=batches))


@pytest.mark.parametrize("quantizes", [True, False], ids=["int8", "float"])
@pytest.mark.parametrize("heads", [[[1], [], [0]], [[1], [1], [0]]], ids=["some layers", "all layers"])
def test_optimized(heads, quantizes, make_masked):
    """Heads that are gone are not made up for by dividing what is left among as many as the config tells of."""
    model = model_slim(make_masked("bert", heads, [[], [], []]))
    if quantizes:
        model = fit(model, PostTrainingQuantConfig(approach="dynamic")).model
    expected = logits_of(model)
    assert torch.allclose(logits_of(optimize(model)), expected, atol=0.02 if quantizes else 1e-5)


@pytest.mark.parametrize("approach", APPROACHES)
@pytest.mark.parametrize("task", [None, "text-classification"])
def test_quantizer(task, approach, slim, tmp_path):
    quantizer = IncQuantizer.from_pretrained(tmp_path / "slim", task=task)
    assert type(quantizer.model) is BertForSequenceClassification and quantizer.tokenizer is not None
    assert torch.equal(logits_of(quantizer.model), logits_of(slim))
    config = PostTrainingQuantConfig(approach=approach)
    texts = TEXTS if approach == "static" else None
    result = quantizer.quantize(config, tmp_path / "int8", calibration_dataset=texts)
    expected = quantized_in_memory(slim, approach)
    assert torch.equal(logits_of(result), expected)
    assert torch.equal(logits_of(IncModelForSequenceClassification.from_pretrained(tmp_path / "int8")), expected)


@pytest.mark.parametrize("approach", APPROACHES)
def test_command_line(approach, slim, tmp_path, capsys):
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS))
    texts = ["--texts", str(tmp_path / "texts.txt")] if approach == "static" else []
    command = ["quantize", str(tmp_path / "slim"), "-o", str(tmp_path / "int8"), "--approach", approach, *texts]
    assert main(command) == 0, capsys.readouterr().err
    loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "int8")
    assert len(quantized_modules(loaded)) == 3 + 18 + 2  # embeddings, three layers, pooler and classifier
    assert torch.equal(logits_of(loaded), quantized_in_memory(slim, approach))
    assert AutoTokenizer.from_pretrained(tmp_path / "int8").vocab_size == tiny_tokenizer().vocab_size


def test_command_line_with_a_goal(slim, tmp_path, capsys):
    """Every trial is a copy of the model."""
    inputs = tiny_tokenizer()(TEXTS, padding=True, return_tensors="pt")
    labels = logits_of(slim, inputs).argmax(-1).tolist()
    rows = [f"{text}\t{label}" for text, label in zip(TEXTS, labels, strict=True)]
    (tmp_path / "dev.tsv").write_text("\n".join(["sentence\tlabel", *rows]) + "\n")
    data = ["--dataset", str(tmp_path / "dev.tsv"), "--task", "text-classification"]
    where = ["-o", str(tmp_path / "int8"), "--workspace", str(tmp_path / "workspace")]
    assert main(["quantize", str(tmp_path / "slim"), *where, *data]) == 0, capsys.readouterr().err
    loaded = IncModelForSequenceClassification.from_pretrained(tmp_path / "int8")
    assert logits_of(loaded, inputs).argmax(-1).tolist() == labels


def test_info(slim, tmp_path, capsys):
    IncQuantizer.from_pretrained(tmp_path / "slim").quantize(save_directory=tmp_path / "int8")
    found = {}
    for name in ("slim", "int8"):
        assert main(["info", str(tmp_path / name), "--json"]) == 0
        found[name] = json.loads(capsys.readouterr().out)
    assert found["slim"]["architecture"] == found["int8"]["architecture"] == type(slim).__name__
    assert (found["slim"]["quantized_modules"], found["int8"]["quantized_modules"]) == (0, 23)


@pytest.mark.parametrize("is_quantized", [False, True], ids=["float", "int8"])
def test_loader_of_the_class_that_wrote_it(is_quantized, slim, tmp_path):
    directory = tmp_path / "slim"
    if is_quantized:
        slim = IncQuantizer.from_pretrained(directory).quantize(save_directory=tmp_path / "int8").model
        directory = tmp_path / "int8"
    loaded = OptimizedModel.from_pretrained(directory)
    assert type(loaded) is type(slim) and torch.equal(logits_of(loaded), logits_of(slim))


def test_stages_go_on_from_a_slim_model(make_masked, tmp_path):
    def slim(model, work):
        return model_slim(model, round_multiplier=4)

    masked = make_masked("bert", [[1], [], [0]], [[0, 1, 2, 3], [], []])
    first = run_stages(masked, {"slim": slim}, tmp_path)
    again = run_stages(make_masked("bert", [[]] * 3, [[]] * 3), {"slim": slim}, tmp_path)
    assert torch.equal(logits_of(again, tiny_inputs(first)), logits_of(first))
