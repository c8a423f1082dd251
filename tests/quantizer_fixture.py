"""The fixtures `data_cache` and `tokenizer`; a test module says `pytest_plugins = ["quantizer_fixture"]`."""

import datasets
import pytest
from tiny import tiny_tokenizer


@pytest.fixture
def data_cache(tmp_path, monkeypatch):
    """A cache of data sets of its own."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()
