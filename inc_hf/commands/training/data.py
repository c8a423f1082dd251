"""The labelled data: read, seen to fit the model, and as tokens."""

import argparse
import copy
from dataclasses import dataclass
from functools import partial
from typing import Any

from inc_hf.commands.arguments import SPLIT
from inc_hf.commands.loading import about, check_dataset, load_tokenizer, read_dataset
from inc_hf.commands.training.head import Head, head_of, labels_of
from inc_hf.errors import UsageError
from inc_hf.models.collate import collate
from inc_hf.models.labels import order_of
from inc_hf.models.reader import Reader, accepted_inputs
from inc_hf.models.words import TAG_COLUMNS
from inc_hf.recipe import MAX_LENGTH
from inc_hf.telling import progress_bar


@dataclass
class Data:
    """Datasets with texts and labels; `evaluation` is None where nothing judges."""

    train: Any
    evaluation: Any
    tokenizer: Any


def read_data(args: argparse.Namespace) -> tuple[Any, Any]:
    """What `--dataset` and `--eval` name, each None if it is not given."""
    train = read_dataset(args.dataset, args.split or "train", args) if args.dataset else None
    return train, read_dataset(args.eval, args.eval_split or SPLIT, args) if args.eval else None


def data_for(name: str, args: argparse.Namespace, teacher_labels: list[str] | None) -> tuple[Data, Head]:
    """The data for a model, and the head that it needs.

    Raises:
        UsageError: says which of both does not fit.
    """
    tokenizer = load_tokenizer(name, args.trust_remote_code)
    if tokenizer is None:
        raise UsageError(f"{name} has no tokenizer, which texts need; put its files there.")
    train, evaluation = read_data(args)
    if args.task == "token-classification":
        for path, dataset in ((args.dataset, train), (args.eval, evaluation)):
            _check_tags(path, dataset)

    def labels() -> list[str] | None:
        with about(args.dataset):
            return teacher_labels or labels_of(train, args.task)

    head = head_of(name, args.task, labels, args.trust_remote_code, args.new_head)
    try:
        check_dataset(head.outline, train, tokenizer, args, args.dataset)
        check_dataset(head.outline, evaluation, tokenizer, args, args.eval)
    except UsageError as error:
        hint = "" if head.is_new or "label" not in str(error) else " A new head for other labels: --new-head."
        raise type(error)(f"{error}{hint}") from error
    return Data(train, evaluation, tokenizer), head


def _check_tags(name: str, dataset: Any) -> None:
    """Refuse rows with one label, or none, which is not enough for their words."""
    if dataset is not None and not any(isinstance(dataset[0].get(column), list) for column in TAG_COLUMNS):
        raise UsageError(
            f"{name}: a row needs a list of words and a list of tags, one for each word, such as "
            '{"tokens": ["A", "Hitchcock", "film"], "ner_tags": ["O", "PER", "O"]}; the columns are '
            f"{', '.join(dataset.column_names)}."
        )


def tokens_of(dataset: Any, model: Any, tokenizer: Any, args: argparse.Namespace) -> list[dict[str, Any]]:
    """The rows of a dataset as the model's inputs, with numbers as labels."""
    limit = args.max_length or (MAX_LENGTH if args.task != "question-answering" else None)
    if limit is not None:
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.model_max_length = min(limit, tokenizer.model_max_length)
    reader = Reader(model, tokenizer, None, accepted_inputs(model), order_of(dataset, model))
    with about(args.dataset):
        return [reader.usable(row) for row in progress_bar(dataset, desc="Tokenizing", unit="row", leave=False)]


def collator_of(model: Any, tokenizer: Any) -> Any:
    """Samples -> batch, padded to the longest."""
    return partial(collate, model=model, processor=tokenizer)
