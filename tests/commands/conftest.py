"""What tests of the commands share: an empty working directory, a model, texts and labelled data."""

import logging
from pathlib import Path

import pytest
from commandline import TEXTS
from tiny import logits_of, tiny_model, tiny_tokenizer
from transformers import AutoModelForSequenceClassification


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """The working directory is empty, tables are as wide as on a screen, and the logger is put back afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    # the log of `datasets` writes to what was the standard error of an earlier test
    monkeypatch.setattr(logging, "raiseExceptions", False)
    logger = logging.getLogger("inc_hf")
    handlers, level = logger.handlers, logger.level
    yield
    logger.handlers, logger.level = handlers, level


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory) -> Path:
    """A BERT for two labels with its tokenizer."""
    directory = tmp_path_factory.mktemp("model")
    tiny_model("bert").save_pretrained(directory)
    tiny_tokenizer().save_pretrained(directory)
    return directory


@pytest.fixture(scope="module")
def texts(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("texts") / "texts.txt"
    path.write_text("\n".join(TEXTS[:8]) + "\n\n")
    return path


@pytest.fixture(scope="module")
def labelled(model_dir, tmp_path_factory) -> Path:
    """Texts with the labels that the FP32 model itself predicts, so that its accuracy is 1."""
    model, tokenizer = AutoModelForSequenceClassification.from_pretrained(model_dir), tiny_tokenizer()
    rows = [f"{text}\t{logits_of(model, tokenizer(text, return_tensors='pt')).argmax(-1).item()}" for text in TEXTS]
    path = tmp_path_factory.mktemp("labelled") / "dev.tsv"
    path.write_text("\n".join(["sentence\tlabel", *rows]) + "\n")
    return path
