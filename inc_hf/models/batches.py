"""Batches of model inputs from what users have: datasets, streams, dataloaders, lists of texts."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain, islice
from math import ceil
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from inc_hf.config.arguments import check_data
from inc_hf.config.checks import check_int
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.matching.sentences import encoder_of, is_sentence_model
from inc_hf.models.labels import order_of
from inc_hf.models.reader import Reader, accepted_inputs, batch_length, is_one_row_a_sample
from inc_hf.models.samples import elements_of, is_batch, length_of, named


def batches_of(
    data: Any,
    model: nn.Module,
    tokenizer: Any = None,
    batch_size: int = 8,
    collator: Callable | None = None,
    keep_labels: bool = True,
) -> "Batches":
    """Batches of `model`'s inputs, as dicts of tensors; only one of them is in memory at a time.

    Args:
        data: samples, or ready batches; whichever it is, its first element tells. A `datasets.Dataset` or a stream
            (tokenized, or with columns of text, images or sound), a list or generator of texts, of dicts or of pairs
            with a label, a `DataLoader` (of dicts, tuples `(inputs, label)`, tensors, texts).
        tokenizer: needed for texts, which it also pads; a processor for images and sound. Models of
            sentence-transformers have their own; no prompt is added.
        batch_size (`int`): samples in a batch, for all but ready batches.
        collator: list of samples -> batch; the default pads.
        keep_labels (`bool`): whether labels stay in the batches. Words become numbers by the model's `label2id`.

    Raises:
        ValueError: no data, texts without a tokenizer, or columns that the model does not know. When the first batch
            is asked for.
    """
    return Batches(_counted(data, model, tokenizer, batch_size, collator, keep_labels))


class Batches(Iterator[dict[str, Tensor]]):
    """Knows how many batches are to come (`operator.length_hint`), where the data knows its length.

    Args:
        counted: gives the number of all batches, or None, and then these.
    """

    def __init__(self, counted: Iterator[Any]):
        self._counted, self._begun, self._left = counted, False, None

    def __next__(self) -> dict[str, Tensor]:
        self._begin()
        batch = next(self._counted)
        self._left = None if self._left is None else max(self._left - 1, 0)
        return batch

    def __length_hint__(self) -> int:
        self._begin()
        return NotImplemented if self._left is None else self._left

    def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        try:
            self._left = next(self._counted, 0)
        except TypeError as error:  # which `length_hint` would swallow
            self._counted = _raising(error)


def _raising(error: Exception) -> Iterator[Any]:
    raise error
    yield


def _counted(
    data: Any, model: nn.Module, tokenizer: Any, batch_size: int, collator: Callable | None, keep_labels: bool
) -> Iterator[Any]:
    """What [`Batches`] takes."""
    _check(data, batch_size)
    if is_sentence_model(model):
        model, tokenizer = encoder_of(model), tokenizer or getattr(model, "tokenizer", None)
    elements = elements_of(data)
    first = next(elements, None)
    if first is None:
        return
    reader = Reader(model, tokenizer, collator, accepted_inputs(model, keep_labels), order_of(data, model))
    elements = (named(element, model) for element in chain([first], elements))
    length = length_of(data)
    if not is_batch(named(first, model), data, model):
        yield None if length is None else ceil(length / batch_size)
        while samples := list(islice(elements, batch_size)):
            yield reader.collated(samples)
        return
    yield length
    for batch in elements:
        yield reader.ready(batch)


def _check(data: Any, batch_size: int) -> None:
    if not isinstance(data, str | Mapping):
        check_data("data", data)
    if data is None or length_of(data) == 0:
        raise UsageError("The dataset is empty; calibration and evaluation need at least one sample.")
    check_int("batch_size", batch_size)
    if isinstance(data, str | Mapping):
        raise UsageTypeError(f"Got one {type(data).__name__} as data; {_instead_of(data)}.")
    if type(data).__module__.partition(".")[0] == "pandas":
        raise UsageTypeError(
            f"Got a {type(data).__name__} of pandas; pass `datasets.Dataset.from_pandas(data)`, or a list of texts."
        )
    if batch_size < 1:
        raise UsageError(f"`batch_size` must be at least 1, got {batch_size}.")


def _instead_of(data: str | Mapping) -> str:
    """What to pass instead of one text, the splits of a dataset, or its columns."""
    if isinstance(data, Mapping) and data:
        name, value = next(iter(data.items()))
        if hasattr(value, "column_names") or hasattr(value, "features"):
            return f"choose one of its splits, {', '.join(map(repr, data))}, such as data[{name!r}]"
        if isinstance(value, list | tuple):
            return "pass `datasets.Dataset.from_dict(data)`, or a list with a dict for each sample"
    return "pass a list of texts, a dataset or a dataloader"


def labels_are_inputs(model: nn.Module) -> bool:
    """Whether calibration needs labels: a decoder's inputs come from them, and a plain module may do anything. To all
    others they are a loss, which may not even fit."""
    model = encoder_of(model)
    return not isinstance(model, PreTrainedModel) or bool(model.config.is_encoder_decoder)


def take_samples(batches: Iterable[Any], num_samples: int | None) -> list[Any]:
    """The first batches, until `num_samples` samples are in them; the last one is cut, but for one with more images
    than texts, or fewer, of which no one knows whose they are. None takes all."""
    if num_samples is None:
        return list(batches)
    taken: list[Any] = []
    missing = num_samples
    for batch in batches if missing > 0 else ():
        length = batch_length(batch)
        taken.append(_cut(batch, missing) if length > missing and is_one_row_a_sample(batch) else batch)
        missing -= length
        if missing <= 0:  # before the next one is read, for which a stream may wait
            break
    return taken


def _cut(batch: Any, length: int) -> Any:
    if isinstance(batch, Mapping):
        return {key: _cut(value, length) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(_cut(value, length) for value in batch)
    return batch[:length] if isinstance(batch, Tensor) and batch.ndim else batch
