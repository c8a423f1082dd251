"""Data sets from files and from the Hub."""

import csv
import os
import re
from itertools import islice
from pathlib import Path
from typing import Any

from inc_hf.config.arguments import HUB_NAME
from inc_hf.errors import UsageError
from inc_hf.models.hub import reached

OTHER_DELIMITERS = {",": ";\t|", "\t": ",;|"}  # of tables that programs write under the same endings
COLUMN = re.compile(r"\s*[\"']?[\w-]{1,40}[\"']?\s*")
LOADERS = {".csv": "csv", ".tsv": "csv", ".json": "json", ".jsonl": "json", ".parquet": "parquet"}
OF_SQUAD = ({"data"}, {"data", "version"})


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
    _check_file(name, ending)
    if ending in LOADERS and os.path.isfile(name):
        if LOADERS[ending] == "csv":
            _check_first_rows(name, "\t" if ending == ".tsv" else ",")
        settings = {"delimiter": "\t", "quoting": 3} if ending == ".tsv" else {}
        rows = datasets.load_dataset(LOADERS[ending], data_files=os.fspath(name), split="train", **settings)
        return _questions(datasets, rows, name) if {*rows.column_names} in OF_SQUAD else rows
    if not os.path.isdir(os.path.join(datasets.config.HF_DATASETS_CACHE, os.fspath(name).replace("/", "___"))):
        reached(name, ("README.md",), "dataset", token=token)
    return datasets.load_dataset(os.fspath(name), config_name, split=split, token=token)


def _questions(datasets: Any, rows: Any, name: str | os.PathLike) -> Any:
    """The questions of a file as SQuAD publishes it, a row for each, in the columns of its dataset on the Hub."""
    try:
        found = [
            {"id": asked["id"], "question": asked["question"], "context": part["context"], "answers": _texts(asked)}
            for row in rows
            for article in row["data"]
            for part in article["paragraphs"]
            for asked in part["qas"]
        ]
    except (KeyError, TypeError) as error:
        raise UsageError(
            f"{name} has the column 'data', and not what SQuAD has in it (articles with 'paragraphs', which have a "
            f"'context' and 'qas'): {error!r}."
        ) from error
    return datasets.Dataset.from_list(found)


def _texts(asked: dict[str, Any]) -> dict[str, list]:
    answers = asked.get("answers") or []
    return {key: [answer[key] for answer in answers] for key in ("text", "answer_start")}


def _check_file(name: str | os.PathLike, ending: str) -> None:
    """Raise FileNotFoundError for a file that is not there, ValueError for one of no form that is read, before the Hub
    is asked for it."""
    known = ", ".join(LOADERS)
    if os.path.isfile(name) and ending not in LOADERS:
        raise UsageError(f"{name} is a file whose name ends in {ending or 'nothing'!r}; data is in {known}.")
    if os.path.exists(name):
        return
    if ending in LOADERS or not HUB_NAME.fullmatch(os.fspath(name)):
        there = os.fspath(name)
        raise FileNotFoundError(
            f"There is no file {there!r}; data is in a file ({known}), a directory, or on the Hub."
        )


def _check_first_rows(name: str | os.PathLike, delimiter: str) -> None:
    """Raise ValueError for a table without rows, or whose first row has more fields than there are columns: pandas
    would take those in front for the names of rows."""
    quoting = csv.QUOTE_NONE if delimiter == "\t" else csv.QUOTE_MINIMAL
    try:
        with open(name, encoding="utf-8", newline="") as lines:
            rows = list(islice(csv.reader(lines, delimiter=delimiter, quoting=quoting), 2))
    except (UnicodeDecodeError, csv.Error):  # which the loader says in its own words
        return
    first, second = [*rows, None, None][:2]
    what = f"{name} cannot be read as a dataset"
    if not first:
        raise UsageError(f"{what}: No columns: the first line, which has their names, is empty.")
    for other in OTHER_DELIMITERS[delimiter]:
        names = "".join(first).split(other) if len(first) == 1 else []
        if len(names) > 1 and all(COLUMN.fullmatch(name) for name in names):
            raise UsageError(
                f"{what}: its first line, {first[0]!r}, is one column. Columns are separated by commas in a .csv, by "
                "tabs in a .tsv; save it so."
            )
    if second is None:
        raise UsageError(f"{what}: there is no data behind the names of the columns.")
    if len(second) > len(first):
        raise UsageError(f"{what}: line 2 has {len(second)} fields, and line 1 names {len(first)} columns.")
