"""Texts for encoders: INC's "GLUE", of the files of the benchmark."""

import csv
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from inc_hf.config.arguments import check_path
from inc_hf.config.checks import check_choice, check_int
from inc_hf.errors import UsageError, usage_error_for

Sample = tuple[dict[str, Tensor], int | float]
BINARY, ENTAILMENT = ("0", "1"), ("entailment", "not_entailment")
MNLI = ("contradiction", "entailment", "neutral")
MNLI_OF_ROBERTA = ("contradiction", "neutral", "entailment")  # the order of its checkpoints, as INC has it
# task -> columns of its text, names of its labels by number (None: a number), and file of the samples to evaluate by
GLUE: dict[str, tuple[tuple[str | int, ...], str | int, tuple[str, ...] | None, str]] = {
    "cola": ((3,), 1, BINARY, "dev"),
    "mnli": (("sentence1", "sentence2"), "gold_label", MNLI, "dev_matched"),
    "mnli-mm": (("sentence1", "sentence2"), "gold_label", MNLI, "dev_mismatched"),
    "mrpc": (("#1 String", "#2 String"), "Quality", BINARY, "dev"),
    "qnli": (("question", "sentence"), "label", ENTAILMENT, "dev"),
    "qqp": (("question1", "question2"), "is_duplicate", BINARY, "dev"),
    "rte": (("sentence1", "sentence2"), "label", ENTAILMENT, "dev"),
    "sst-2": (("sentence",), "label", BINARY, "dev"),
    "sts-b": (("sentence1", "sentence2"), "score", None, "dev"),
    "wnli": (("sentence1", "sentence2"), "label", BINARY, "dev"),
}
ALIASES = {"sst2": "sst-2", "stsb": "sts-b"}


class GlueDataset(Dataset):
    """Pairs of the inputs of an encoder and its label, from the tab-separated files of GLUE.

    INC wrote what it had encoded into `./dataset_cached`; nothing is written here.

    Args:
        data_dir: has `train.tsv`, `dev.tsv`, … of the task, as GLUE comes.
        model_name_or_path: of the tokenizer.
        task (`str`, *optional*, defaults to `"mrpc"`): one of GLUE's, such as "sst-2" or "sst2".
        max_seq_length (`int`, *optional*, defaults to 128): longer texts are cut.
        do_lower_case (`bool`, *optional*): the tokenizer knows it by itself, unless told.
        dynamic_length (`bool`, *optional*, defaults to `False`): not padded; then `collate` makes the batches, or
            their size is 1.
        evaluate (`bool`, *optional*, defaults to `True`): the samples to evaluate by, else those to train on.
        model_type (`str`, *optional*, defaults to `"bert"`): of "roberta", MNLI's labels have another order.
        transform, filter: not used; the tokenizer says what the model reads.
    """

    def __init__(
        self,
        data_dir: str | os.PathLike,
        model_name_or_path: str | os.PathLike,
        task: str = "mrpc",
        max_seq_length: int = 128,
        do_lower_case: bool | None = None,
        dynamic_length: bool = False,
        evaluate: bool = True,
        model_type: str = "bert",
        transform: Callable | None = None,
        filter: Any = None,
    ):
        from transformers import AutoTokenizer

        check_path("data_dir", data_dir)
        length = check_int("max_seq_length", max_seq_length, low=1)
        task = str(task).lower()
        task = check_choice("task", ALIASES.get(task, task), GLUE)
        columns, label, names, dev = GLUE[task]
        if names is MNLI and model_type.lower() == "roberta":
            names = MNLI_OF_ROBERTA
        rows = rows_of(Path(data_dir) / f"{dev if evaluate else 'train'}.tsv", has_header=task != "cola")
        texts = [[row.text(column) for row in rows] for column in columns]
        self.labels = [row.label(label, names) for row in rows]
        padding = False if dynamic_length else "max_length"
        told = {} if do_lower_case is None else {"do_lower_case": do_lower_case}
        with usage_error_for(f"The tokenizer of {os.fspath(model_name_or_path)} cannot be used"):
            self.tokenizer = AutoTokenizer.from_pretrained(model_name_or_path, **told)
            self.encoded = self.tokenizer(*texts, truncation=True, padding=padding, max_length=length)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> Sample:
        return {name: torch.tensor(column[index]) for name, column in self.encoded.items()}, self.labels[index]

    def collate(self, samples: Sequence[Sample]) -> dict[str, Tensor]:
        """Samples of any length as the arguments of a model, `labels` among them."""
        padded = self.tokenizer.pad([inputs for inputs, _ in samples], return_tensors="pt")
        return {**padded, "labels": torch.tensor([label for _, label in samples])}


@dataclass
class Row:
    """One row of a file, by the names of its columns, or by their numbers."""

    path: Path
    line: int
    cells: dict[Any, str]

    def text(self, column: str | int) -> str:
        """What stands in a column.

        Raises:
            ValueError: there is none of this name.
        """
        if column not in self.cells:
            raise self.error(
                f"there is no column {column!r}, only {', '.join(map(str, self.cells))}; is it a file of another task?"
            )
        return self.cells[column]

    def label(self, column: str | int, names: tuple[str, ...] | None) -> int | float:
        """The number of a label, or the label that is a number itself.

        Raises:
            ValueError: it is neither.
        """
        text = self.text(column)
        if names is None:
            try:
                return float(text)
            except ValueError:
                raise self.error(f"the score is no number, got {text!r}.") from None
        if text not in names:
            raise self.error(f"the label must be one of {', '.join(names)}, got {text!r}.")
        return names.index(text)

    def error(self, what: str) -> UsageError:
        """An error that says where."""
        return UsageError(f"{self.path}, line {self.line}: {what}")


def rows_of(path: Path, has_header: bool) -> list[Row]:
    """The rows of a tab-separated file."""
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}; `data_dir` is to have the files of GLUE.")
    with usage_error_for(f"{path} cannot be read"), path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        lines = [(reader.line_num, cells) for cells in reader if cells]
    names = lines[0][1] if has_header and lines else None
    rows = [Row(path, line, dict(zip(names or range(len(cells)), cells, strict=False)))
            for line, cells in lines[bool(names) :]]  # fmt: skip
    if not rows:
        raise UsageError(f"{path} has no samples.")
    return rows
