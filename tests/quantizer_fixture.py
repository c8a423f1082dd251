"""The fixtures `workspace` and `tokenizer`; a test module says `pytest_plugins = ["quantizer_fixture"]`."""

import datasets
import pytest
from tiny import tiny_tokenizer

from inc_hf.config import options, set_resume_from, set_workspace


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    """A workspace and a cache of data sets of its own; the options as they were, after the test."""
    before = options.to_dict()
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    set_workspace(tmp_path / "workspace")
    set_resume_from(None)
    yield tmp_path / "workspace"
    vars(options).update(before)


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()
