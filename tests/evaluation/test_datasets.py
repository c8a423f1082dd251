"""Data sets from files; how `IncQuantizer` reads them is in `tests/test_quantizer_datasets.py`."""

import json
import sys

import pytest

from inc_hf.evaluation.datasets import load_dataset_file_or_hub

ROWS = [{"text": 'a "dull" plot', "label": 0}, {"text": "great", "label": 1}]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """A cache of its own; the package is imported in the test."""
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.mark.parametrize("ending", ["tsv", "jsonl"])
def test_a_file_is_one_split(tmp_path, ending):
    """Quotation marks in a tsv file, such as those of GLUE, are text."""
    lines = ["text\tlabel", *(f"{row['text']}\t{row['label']}" for row in ROWS)]
    path = tmp_path / f"data.{ending}"
    path.write_text("\n".join(lines if ending == "tsv" else map(json.dumps, ROWS)) + "\n")
    assert list(load_dataset_file_or_hub(path, None, "validation", None)) == ROWS


def test_missing_datasets_package_is_an_error_with_the_pip_line(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match=r'pip install "inc-hf\[train\]"'):
        load_dataset_file_or_hub(tmp_path / "data.tsv", None, "train", None)
