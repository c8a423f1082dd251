"""Data sets from files and from the Hub."""

import os
from pathlib import Path
from typing import Any

LOADERS = {".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}


def load_dataset_file_or_hub(name: str | os.PathLike, config_name: str | None, split: str, token: str | None) -> Any:
    """One split of a dataset from a file or from the Hub.

    Raises:
        ImportError: the `datasets` package is not installed.
    """
    try:
        import datasets  # an extra, and slow to import
    except ImportError as error:
        raise ImportError(f'Reading {name} needs the datasets package: pip install "inc-hf[train]"') from error
    dataset = _load(datasets, name, config_name, split, token)
    dataset.info.dataset_name = Path(name).name if os.path.exists(name) else os.fspath(name)  # not "csv"
    return dataset


def _load(datasets: Any, name: str | os.PathLike, config_name: str | None, split: str, token: str | None) -> Any:
    ending = os.path.splitext(os.fspath(name))[1]
    if ending in LOADERS and os.path.isfile(name):
        settings = {"delimiter": "\t", "quoting": 3} if ending == ".tsv" else {}
        return datasets.load_dataset(LOADERS[ending], data_files=os.fspath(name), split="train", **settings)
    return datasets.load_dataset(os.fspath(name), config_name, split=split, token=token)
