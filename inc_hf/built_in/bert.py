"""Texts for encoders: INC's "bert", of what is tokenized already, and "GLUE", of the files of the benchmark."""

import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from inc_hf.config.arguments import check_path
from inc_hf.config.checks import check_choice, check_int
from inc_hf.errors import UsageError

WITH_TYPES = ("bert", "xlnet")  # others have one kind of tokens
# task -> columns of its text, names of its labels by number (None: a number), and file of the samples to evaluate by
GLUE = {
    "cola": ((3, None), 1, ("0", "1"), "dev"),
    "mnli": (("sentence1", "sentence2"), "gold_label", ("contradiction", "entailment", "neutral"), "dev_matched"),
    "mnli-mm": (("sentence1", "sentence2"), "gold_label", ("contradiction", "entailment", "neutral"),
                "dev_mismatched"),
    "mrpc": (("#1 String", "#2 String"), "Quality", ("0", "1"), "dev"),
    "qnli": (("question", "sentence"), "label", ("entailment", "not_entailment"), "dev"),
    "qqp": (("question1", "question2"), "is_duplicate", ("0", "1"), "dev"),
    "rte": (("sentence1", "sentence2"), "label", ("entailment", "not_entailment"), "dev"),
    "sst-2": (("sentence", None), "label", ("0", "1"), "dev"),
    "sts-b": (("sentence1", "sentence2"), "score", None, "dev"),
    "wnli": (("sentence1", "sentence2"), "label", ("0", "1"), "dev"),
}  # fmt: skip


class BertDataset(Dataset):
    """Pairs of the inputs of an encoder and its label, from rows of tensors as those of a `TensorDataset` are.

    Args:
        dataset: rows `(input_ids, attention_mask, token_type_ids, labels)`; for "squad" any fourth, and of an XLNet
            `cls_index` and `p_mask` behind it.
        task (`str`): "classifier" or "squad".
        model_type (`str`, *optional*, defaults to `"bert"`): token types are given to "bert" and "xlnet" only.
        transform (*optional*): a function of a row.
        filter: not used.
    """

    def __init__(
        self, dataset: Any, task: str, model_type: str = "bert", transform: Callable | None = None, filter: Any = None
    ):
        check_choice("task", task, ("classifier", "squad"))
        self.dataset, self.task, self.model_type, self.transform = dataset, task, model_type, transform

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[dict[str, Tensor], Any]:
        row = self.dataset[index]
        row = row if self.transform is None else self.transform(row)
        needed = 4 if self.task == "classifier" else 3
        if len(row) < needed:
            raise UsageError(f"A row of {self.task!r} has at least {needed} tensors, row {index} has {len(row)}.")
        inputs = {"input_ids": row[0], "attention_mask": row[1]}
        if self.model_type in WITH_TYPES:
            inputs["token_type_ids"] = row[2]
        if self.task == "classifier":
            return {**inputs, "labels": row[3]}, row[3]
        if self.model_type == "xlnet" and len(row) > 5:
            inputs |= {"cls_index": row[4], "p_mask": row[5]}
        return inputs, index


class GlueDataset(Dataset):
    """Pairs of the inputs of an encoder and its label, from the tab-separated files of GLUE.

    Args:
        data_dir: has `train.tsv`, `dev.tsv`, … of the task, as GLUE comes.
        model_name_or_path: of the tokenizer.
        task (`str`, *optional*, defaults to `"mrpc"`): one of GLUE's, such as "sst-2".
        max_seq_length (`int`, *optional*, defaults to 128): longer texts are cut.
        do_lower_case (`bool`, *optional*, defaults to `True`): as in INC; the tokenizer knows it by itself.
        dynamic_length (`bool`, *optional*, defaults to `False`): not padded; then the batch size is 1.
        evaluate (`bool`, *optional*, defaults to `True`): the samples to evaluate by, else those to train on.
        model_type, transform, filter: not used; the tokenizer says what the model reads.
    """

    def __init__(
        self,
        data_dir: str | os.PathLike,
        model_name_or_path: str | os.PathLike,
        task: str = "mrpc",
        max_seq_length: int = 128,
        do_lower_case: bool = True,
        dynamic_length: bool = False,
        evaluate: bool = True,
        model_type: str = "bert",
        transform: Callable | None = None,
        filter: Any = None,
    ):
        from transformers import AutoTokenizer

        check_path("data_dir", data_dir)
        task = check_choice("task", str(task).lower(), GLUE)
        columns, label, names, dev = GLUE[task]
        path = Path(data_dir) / f"{dev if evaluate else 'train'}.tsv"
        rows = rows_of(path, has_header=task != "cola")
        check_columns(path, rows, [column for column in (*columns, label) if column is not None])
        texts = [[row[column] for column in columns if column is not None] for row in rows]
        self.labels = [label_of(row[label], names, number) for number, row in enumerate(rows)]
        padding = False if dynamic_length else "max_length"
        length = check_int("max_seq_length", max_seq_length, low=1)
        self.encoded = AutoTokenizer.from_pretrained(model_name_or_path)(
            *map(list, zip(*texts, strict=True)), truncation=True, padding=padding, max_length=length
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[dict[str, Tensor], int | float]:
        return {name: torch.tensor(column[index]) for name, column in self.encoded.items()}, self.labels[index]


def rows_of(path: Path, has_header: bool) -> list[dict[Any, str]]:
    """The rows of a tab-separated file by the names of its columns, or by their numbers."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; `data_dir` is to have the files of GLUE.")
    with path.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    names = rows[0] if has_header and rows else None
    rows = [row for row in rows[bool(names) :] if row]
    if not rows:
        raise UsageError(f"{path} has no samples.")
    return [dict(zip(names or range(len(row)), row, strict=False)) for row in rows]


def check_columns(path: Path, rows: list[dict[Any, str]], needed: list[Any]) -> None:
    """Raise ValueError for the first row that does not have all columns."""
    for number, row in enumerate(rows):
        if missing := [column for column in needed if column not in row]:
            has = ", ".join(map(str, row))
            raise UsageError(f"Row {number} (the first is 0) of {path} has no column {missing[0]!r}, only {has}.")


def label_of(text: str, names: tuple[str, ...] | None, row: int) -> int | float:
    """The number of a label, or the label that is a number itself."""
    if names is None:
        try:
            return float(text)
        except ValueError as error:
            raise UsageError(f"Row {row} (the first is 0) has the score {text!r}, which is no number.") from error
    if text not in names:
        raise UsageError(f"Row {row} (the first is 0) has the label {text!r}; the task has {', '.join(names)}.")
    return names.index(text)
