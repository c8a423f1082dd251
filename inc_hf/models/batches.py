"""Batches of model inputs from what users have: datasets, streams, dataloaders, lists of texts."""

import inspect
import reprlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import default_collate
from transformers import PreTrainedModel

from inc_hf.errors import UsageError, UsageTypeError, usage_error_for
from inc_hf.models.collate import collate
from inc_hf.models.encode import encoded
from inc_hf.models.labels import LABEL_COLUMNS, OTHER_NAMES, in_order, label_numbers, order_of
from inc_hf.models.samples import elements_of, is_batch, length_of, main_names, named, rows_of, text_columns


def batches_of(
    data: Any,
    model: nn.Module,
    tokenizer: Any = None,
    batch_size: int = 8,
    collator: Callable | None = None,
    keep_labels: bool = True,
) -> Iterator[dict[str, Tensor]]:
    """Batches of `model`'s inputs, as dicts of tensors; only one of them is in memory at a time.

    Args:
        data: samples, or ready batches; whichever it is, its first element tells. A `datasets.Dataset` or a stream
            (tokenized, or with columns of text, images or sound), a list or generator of texts, of dicts or of pairs
            with a label, a `DataLoader` (of dicts, tuples `(inputs, label)`, tensors, texts).
        tokenizer: needed for texts, which it also pads; a processor for images and sound.
        batch_size (`int`): samples in a batch, for all but ready batches.
        collator: list of samples -> batch; the default pads.
        keep_labels (`bool`): whether labels stay in the batches. Words become numbers by the model's `label2id`.

    Raises:
        ValueError: no data, texts without a tokenizer, or columns that the model does not know.
    """
    _check(data, batch_size)
    elements = elements_of(data)
    first = next(elements, None)
    if first is None:
        return
    reader = Reader(model, tokenizer, collator, accepted_inputs(model, keep_labels), order_of(data, model))
    elements = (named(element, model) for element in chain([first], elements))
    if not is_batch(named(first, model), data, model):
        while samples := list(islice(elements, batch_size)):
            yield reader.collated(samples)
        return
    for batch in elements:
        yield reader.ready(batch)


def _has_lists(batch: Mapping[str, Any]) -> bool:
    return any(isinstance(value, list | tuple) and value for value in batch.values())


def _check(data: Any, batch_size: int) -> None:
    if data is None or length_of(data) == 0:
        raise UsageError("The dataset is empty; calibration and evaluation need at least one sample.")
    if isinstance(data, str | Mapping):
        raise UsageTypeError(
            f"Got one {type(data).__name__} as data; pass a list of texts, a dataset or a dataloader."
        )
    if batch_size < 1:
        raise UsageError(f"`batch_size` must be at least 1, got {batch_size}.")


@dataclass
class Reader:
    """Makes inputs of samples and of ready batches; counts the rows, for messages."""

    model: nn.Module
    processor: Any
    collator: Callable | None
    accepted: set[str] | None
    order: list[int] | None
    rows: int = 0
    columns: tuple[str, str | None] | None = None

    def collated(self, samples: list[Any]) -> Any:
        """A batch of samples."""
        if not isinstance(samples[0], Mapping):  # of a plain module
            return _without_label((self.collator or default_collate)(samples), self.model)
        samples = [self._usable(sample) for sample in samples]
        samples = [{key: v for key, v in s.items() if self.accepted is None or key in self.accepted} for s in samples]
        with usage_error_for("These samples do not make a batch of tensors"):
            batch = self.collator(samples) if self.collator else collate(samples, self.model, self.processor)
        return _checked(batch, self.accepted, self.model)

    def _usable(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """A sample through the tokenizer, with numbers as labels."""
        self.columns = self.columns or text_columns(sample)
        inputs = encoded(sample, self.model, self.processor, self.columns)
        _check_main_input(inputs, sample, self.model)
        self.rows += 1
        return self._with_labels(inputs, self.rows - 1)

    def _with_labels(self, columns: Mapping[str, Any], row: int) -> dict[str, Any]:
        columns = {("labels" if key in OTHER_NAMES else key): value for key, value in columns.items()}
        if "labels" in columns:
            columns["labels"] = in_order(label_numbers(columns["labels"], self.model, row), self.order)
        return columns

    def ready(self, batch: Any) -> Any:
        """A batch that came as one."""
        if not isinstance(batch, Mapping):
            return _checked(_without_label(batch, self.model), self.accepted, self.model)
        main = batch.get(main_names(self.model)[0], batch.get("inputs_embeds"))
        if isinstance(self.model, PreTrainedModel) and not isinstance(main, Tensor | np.ndarray) and _has_lists(batch):
            return self.collated(rows_of(batch))
        batch = self._with_labels(batch, self.rows)
        self.rows += batch_length(batch)
        arrays = {key: value for key, value in batch.items() if isinstance(value, np.ndarray)}
        if isinstance(batch.get("labels"), list):
            arrays["labels"] = batch["labels"]
        tensors = {key: torch.as_tensor(value) for key, value in arrays.items()}
        return _checked({**batch, **tensors}, self.accepted, self.model)


def labels_are_inputs(model: nn.Module) -> bool:
    """Whether calibration needs labels: a decoder's inputs come from them, and a plain module may do anything. To all
    others they are a loss, which may not even fit."""
    return not isinstance(model, PreTrainedModel) or bool(model.config.is_encoder_decoder)


def accepted_inputs(model: nn.Module, keep_labels: bool = True) -> set[str] | None:
    """Names of the arguments of `model.forward`, or None if it takes any."""
    parameters = inspect.signature(model.forward).parameters
    names = {p.name for p in parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    if not names:
        return None
    return names if keep_labels else names - set(LABEL_COLUMNS)


def _without_label(batch: Any, model: nn.Module) -> Any:
    """A batch of a plain module without what stands behind its inputs: the label of INC's pairs `(inputs, label)`, or
    the one part that `forward` does not take."""
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        return batch
    parameters = inspect.signature(model.forward).parameters.values()
    taken = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in taken if p.default is p.empty]
    is_pair = len(batch) == 2 and isinstance(batch[0], Tensor) and len(needed) < 2
    is_surplus = len(batch) == len(taken) + 1 and all(p.kind is not p.VAR_POSITIONAL for p in parameters)
    return tuple(batch[:-1]) if is_pair or is_surplus else batch


def _checked(batch: Any, accepted: set[str] | None, model: nn.Module) -> Any:
    """The batch without what the model does not accept.

    Raises:
        ValueError, TypeError: it lacks the model's main input, or is nothing that a transformers model takes.
    """
    if isinstance(batch, Mapping):
        inputs = {key: value for key, value in batch.items() if accepted is None or key in accepted}
        if not isinstance(model, PreTrainedModel):
            return inputs
        tensors = {key: value for key, value in inputs.items() if isinstance(value, Tensor)}
        _check_main_input(tensors, batch, model)
        return {key: _in_dtype_of(model, value) for key, value in tensors.items()}
    parts = batch if isinstance(batch, tuple | list) else [batch]
    if isinstance(model, PreTrainedModel) and not all(isinstance(part, Tensor) for part in parts):
        raise UsageTypeError(f"Got {reprlib.repr(batch)} as a batch; {type(model).__name__} needs a dict of tensors.")
    return batch


def _in_dtype_of(model: PreTrainedModel, value: Tensor) -> Tensor:
    """NumPy's float64 is no wish for it."""
    return value.to(model.dtype) if value.dtype == torch.float64 else value


def _check_main_input(usable: Collection[str], came: Collection[str], model: nn.Module) -> None:
    if not isinstance(model, PreTrainedModel):
        return
    main, accepted = main_names(model), accepted_inputs(model)
    if accepted is not None and not accepted.intersection(main):  # towers of Qwen-VL have that of the whole model
        return
    if not {*main, "inputs_embeds"}.intersection(usable):
        raise UsageError(
            f"The data gives {sorted(came)}, but {type(model).__name__} needs {' and '.join(map(repr, main))} "
            "(in ready batches, a tensor); rename the columns, or pass texts with a tokenizer."
        )


def batch_length(batch: Any) -> int:
    """Number of samples in a batch."""
    values = batch.values() if isinstance(batch, Mapping) else batch if isinstance(batch, tuple | list) else [batch]
    return next((len(value) for value in values if isinstance(value, Tensor) and value.ndim), 1)


def take_samples(batches: Iterable[Any], num_samples: int | None) -> list[Any]:
    """The first batches, until `num_samples` samples are in them; the last one is cut. None takes all."""
    if num_samples is None:
        return list(batches)
    taken: list[Any] = []
    missing = num_samples
    for batch in batches if missing > 0 else ():
        length = batch_length(batch)
        taken.append(_cut(batch, missing) if length > missing else batch)
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
