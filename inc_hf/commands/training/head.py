"""The head of the model that is to be trained: that of the checkpoint, or a new one for the labels of the data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel

from inc_hf.commands.loading import check_shapes, loading
from inc_hf.errors import UsageError
from inc_hf.models.labels import LABEL_COLUMNS, TAG_NAMES
from inc_hf.models.sentence_files import fetch_sentence_files
from inc_hf.models.source import source_of
from inc_hf.models.tasks import (
    architectures_of,
    auto_class_of,
    class_of_architecture,
    model_class_of,
    parts_that_lack,
    task_of,
)
from inc_hf.runtimes.check import model_on_meta

NUMBER = ["score"]  # the one label of a regression


@dataclass
class Head:
    """What is loaded: the config, with the labels of a new head in it; and the model without weights."""

    config: PreTrainedConfig
    is_new: bool
    outline: PreTrainedModel


def head_of(name: str, task: str, labels: Callable[[], list[str] | None], trusts: bool, new: bool) -> Head:
    """The head for a dataset.

    Args:
        labels: gives those of a new head, in their order; it is only called for one.
        new (`bool`): whether the head of the checkpoint is not wanted.

    Raises:
        UsageError: the checkpoint cannot do the task, is quantized, or the labels are none to learn.
    """
    hub = source_of(name, trusts)
    with loading(name):
        fetch_sentence_files(name, **hub)
        config = AutoConfig.from_pretrained(name, **hub)
        model_class = model_class_of(auto_class_of(name, task, **hub), config, trusts)
    if getattr(config, "quantization_config", None) is not None:
        raise UsageError(f"{name} is already quantized; start from the float model.")
    is_new = new or not _is_trained(config, model_class, task)
    if is_new and (found := labels()):
        config.id2label, config.label2id = dict(enumerate(found)), {label: i for i, label in enumerate(found)}
        config.problem_type = "regression" if found is NUMBER else None
    with loading(name):
        outline = model_on_meta(config, model_class)
    if not is_new:
        check_shapes(outline, name)
    return Head(config, is_new, outline)


def _is_trained(config: PreTrainedConfig, model_class: type, task: str) -> bool:
    """Whether a checkpoint has all weights that the task needs."""
    named = [found for name in architectures_of(config) if (found := task_of(name, hears=False))]
    own = class_of_architecture(config)
    is_for = bool(named) and named[0].name == task
    return is_for and (own is None or not parts_that_lack(own, model_class, config))


def labels_of(dataset: Any, task: str) -> list[str] | None:
    """The names of the labels in a dataset, in the order of their numbers; [`NUMBER`] where they are measures; None
    where there are no labels, but places in a text.

    Raises:
        UsageError: there are none, or they are no classes.
    """
    if task == "question-answering":
        return None
    column = next((name for name in (*LABEL_COLUMNS, *TAG_NAMES) if name in dataset.column_names), None)
    if column is None:
        raise UsageError(
            f"There are no labels to learn; the columns are {', '.join(dataset.column_names)}. Call theirs 'label', "
            "or say which it is (--label-column)."
        )
    feature = dataset.features[column]
    if names := getattr(getattr(feature, "feature", feature), "names", None):
        return list(names)
    has_lists = isinstance(dataset[0][column], list)
    if has_lists and task == "text-classification":
        raise UsageError("Several labels a text need a head with `problem_type`; set up such a model, and give that.")
    found = {label for row in dataset[column] for label in (row if has_lists else [row])}
    return _names_of(found - {None, -100}, column)


def _names_of(labels: set[Any], column: str) -> list[str]:
    """Words in the order of the alphabet; numbers as LABEL_0, LABEL_1, … as transformers has them."""
    if all(isinstance(label, str) for label in labels) and len(labels) > 1:
        return sorted(labels)
    if any(isinstance(label, float) for label in labels):
        return NUMBER
    if len(labels) > 1 and labels == set(range(len(labels))):
        return [f"LABEL_{label}" for label in sorted(labels)]
    few = ", ".join(repr(label) for label in sorted(labels, key=str)[:10]) or "nothing"
    raise UsageError(
        f"Column {column!r} has {few}; labels are words, or the numbers 0, 1, 2, … without gaps, at least two of them."
    )
