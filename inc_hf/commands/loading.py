"""What the commands load: models, tokenizers, datasets; and the score of a model on a dataset."""

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PreTrainedModel

from inc_hf import runtimes
from inc_hf.checkpoint.contents import entries_of
from inc_hf.commands.arguments import SPLIT
from inc_hf.errors import UsageError, usage_error_for
from inc_hf.evaluation.datasets import load_dataset_file_or_hub
from inc_hf.evaluation.fits import check_fits_calibration, check_fits_evaluation, check_metric
from inc_hf.evaluation.tasks import evaluate_task
from inc_hf.models import tokenizer as tokenizers
from inc_hf.models.batches import batches_of
from inc_hf.models.labels import LABEL_COLUMNS
from inc_hf.models.samples import TEXT_COLUMNS, text_columns
from inc_hf.models.sentence_files import fetch_sentence_files
from inc_hf.models.source import source_of
from inc_hf.models.tasks import architectures_of, auto_class_of, check_is_for, model_class_of
from inc_hf.runtimes.check import model_on_meta


def outline_of(name: str, task: str | None, trusts: bool = False) -> PreTrainedModel:
    """The model that [`load_model`] would load, without its weights: enough to see what does not fit."""
    hub = source_of(name, trusts)
    with loading(name):
        fetch_sentence_files(name, **hub)
        check_is_for(task, name, **hub)
        config = AutoConfig.from_pretrained(name, **hub)
        outline = model_on_meta(config, model_class_of(auto_class_of(name, task, **hub), config, trusts))
    check_shapes(outline, name)
    return outline


def check_shapes(outline: PreTrainedModel, name: str) -> None:
    """Refuse weights on this machine that are not as large as the config says, by the name of the first."""
    if getattr(outline.config, "quantization_config", None) is not None or not Path(name).is_dir():
        return
    sizes = outline.state_dict()
    with about(f"The weights of {name} are truncated or damaged"):
        entries = entries_of(name)
    for key, entry in entries.items():
        if key in sizes and list(entry["shape"]) != list(sizes[key].shape):
            raise UsageError(
                f"The weights of {name} do not fit its config.json: `{key}` has the shape {entry['shape']}, and the "
                f"config says {list(sizes[key].shape)}."
            )


def load_model(name: str, task: str | None, trusts: bool = False, **kwargs: Any) -> PreTrainedModel:
    """A checkpoint as the class of its task, otherwise as the one that wrote it.

    Args:
        trusts (`bool`): whether its own code may run (`--trust-remote-code`).
    """
    hub = source_of(name, trusts)
    with loading(name):
        return runtimes.load_model(auto_class_of(name, task, **hub), name, **hub, **kwargs)


@contextmanager
def loading(name: str) -> Iterator[None]:
    """Around loading: what goes wrong is said of the model, what comes from the system as well."""
    what = f"{name} cannot be loaded"
    try:
        with usage_error_for(what):
            yield
    except OSError as error:
        is_here = Path(name).is_dir()
        raise OSError(f"{what if is_here else f'{name} is no directory here, and {what}'}: {error}") from error


def load_tokenizer(name: str, trusts: bool = False) -> Any:
    """The tokenizer of a checkpoint, or None if it has none."""
    with usage_error_for(f"The tokenizer of {name} cannot be loaded"):
        return tokenizers.load_tokenizer(name, trust_remote_code=trusts)


def load_dataset(args: argparse.Namespace) -> Any:
    """What `--dataset` names, or None."""
    return read_dataset(args.dataset, args.split or SPLIT, args) if args.dataset else None


def read_dataset(name: str, split: str, args: argparse.Namespace) -> Any:
    """A labelled file, or a split of a dataset of the Hub, with the columns that the options name."""
    with usage_error_for(f"{name} cannot be read as a dataset"):
        dataset = load_dataset_file_or_hub(name, args.dataset_config, split, None)
    return _with_names(dataset, name, args)


def _with_names(dataset: Any, dataset_name: str, args: argparse.Namespace) -> Any:
    """The dataset with the columns that were named under the names that are looked for, in the places of others."""
    known = {name for pair in TEXT_COLUMNS for name in pair if name}
    for option, column, name, others in (
        ("--text-column", args.text_column, TEXT_COLUMNS[0][0], known),
        ("--label-column", args.label_column, "label", set(LABEL_COLUMNS)),
    ):
        if column is None:
            continue
        if column not in dataset.column_names:
            found = ", ".join(dataset.column_names)
            raise UsageError(f"{option}: {dataset_name} has no column {column!r}, only {found}.")
        dataset = dataset.remove_columns([c for c in dataset.column_names if c in others and c != column])
        dataset = dataset if column == name else dataset.rename_column(column, name)
    return dataset


def check_dataset(
    outline: PreTrainedModel, dataset: Any, tokenizer: Any, args: argparse.Namespace, name: str | None = None
) -> None:
    """Refuse a dataset that does not fit the model, before time is spent.

    Args:
        name (`str`, *optional*): of the dataset, if it is not that of `--dataset`.

    Raises:
        UsageError: it cannot be used for a score, if there is a `--task`, or else for calibration.
    """
    if dataset is None:
        return
    name = name or args.dataset
    if args.metric is not None:
        with about(f"--metric {args.metric}"):
            check_metric(outline, args.task, args.metric)
    if tokenizer is None and outline.main_input_name == "input_ids" and text_columns(dataset[0]):
        raise UsageError(f"{name} has texts, and the model has no tokenizer for them; put its files there.")
    with about(name):
        if args.task:
            check_fits_evaluation(outline, dataset, tokenizer, args.task)
        else:
            check_fits_calibration(outline, dataset, tokenizer)


def check_task_is_used(outline: PreTrainedModel, name: str, args: argparse.Namespace) -> None:
    """Refuse a `--task` that scores nothing, and that a checkpoint says itself, since a goal would seem to be met."""
    says_itself = type(outline).__name__ in architectures_of(outline.config)
    if args.task and not args.dataset and says_itself:
        raise UsageError(
            f"--task says how a --dataset is scored, and there is none, so that nothing would be evaluated; give one, "
            f"or leave --task out: {name} says itself what it is for."
        )


@contextmanager
def about(name: str) -> Iterator[None]:
    """A name in front of what is wrong."""
    try:
        yield
    except UsageError as error:
        raise type(error)(f"{name}: {error}") from error


def scores_of(model: PreTrainedModel, dataset: Any, tokenizer: Any, args: argparse.Namespace) -> dict[str, float]:
    """By `--task` and `--metric`."""
    return evaluate_task(model, batches_of(dataset, model, tokenizer, batch_size=32), args.task, args.metric)
