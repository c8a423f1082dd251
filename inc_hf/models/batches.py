"""Batches of model inputs from what users have: datasets, dataloaders, lists of texts."""

import copy
import inspect
import reprlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers import DataCollatorWithPadding, PreTrainedModel, default_data_collator

from inc_hf.errors import UsageError, UsageTypeError, usage_error_for

# Columns of GLUE and of most sentence datasets, in pairs where two belong together.
TEXT_COLUMNS = (
    ("sentence", None),
    ("text", None),
    ("sentence1", "sentence2"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("question", "sentence"),
    ("question", "context"),
)
LABEL_COLUMNS = ("labels", "label", "start_positions", "end_positions")


def batches_of(
    data: Any,
    model: nn.Module,
    tokenizer: Any = None,
    batch_size: int = 8,
    collator: Callable | None = None,
    keep_labels: bool = True,
) -> Iterator[dict[str, Tensor]]:
    """Batches of `model`'s inputs, as dicts of tensors.

    Args:
        data: a `datasets.Dataset` (tokenized, or with text columns), a list of texts, a list of dicts with one sample
            each, or an iterable of ready batches such as a `DataLoader` (dicts, tuples `(inputs, label)`, tensors).
        tokenizer: needed for texts; also pads.
        batch_size (`int`): samples in a batch, for all but ready batches.
        collator: list of samples -> batch; the default pads with the tokenizer, or stacks.
        keep_labels (`bool`): whether labels stay in the batches.

    Raises:
        ValueError: no data, texts without a tokenizer, or columns that the model does not know.
    """
    if data is None or (hasattr(data, "__len__") and len(data) == 0):
        raise UsageError("The dataset is empty; calibration and evaluation need at least one sample.")
    if isinstance(data, str | Mapping):
        raise UsageTypeError(
            f"Got one {type(data).__name__} as data; pass a list of texts, a dataset or a dataloader."
        )
    if batch_size < 1:
        raise UsageError(f"`batch_size` must be at least 1, got {batch_size}.")
    accepted = accepted_inputs(model, keep_labels)
    if _holds_batches(data):
        for batch in data:
            yield _checked(_without_label(batch), accepted, model)
        return
    collate = collator or (_padding_collator(tokenizer) if tokenizer is not None else default_data_collator)
    for start in range(0, len(data), batch_size):
        stop = min(start + batch_size, len(data))
        samples = _encode([_sample(data[i]) for i in range(start, stop)], accepted, tokenizer, model)
        with usage_error_for("These samples do not make a batch of tensors"):
            batch = collate(samples)
        yield _checked(batch, accepted, model)


def _padding_collator(tokenizer: Any) -> Callable:
    """Pads with the end of the text where the tokenizer has no padding token, as those of most decoders."""
    if tokenizer.pad_token is None and tokenizer.eos_token is not None:
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.pad_token = tokenizer.eos_token
    return DataCollatorWithPadding(tokenizer)


def accepted_inputs(model: nn.Module, keep_labels: bool = True) -> set[str] | None:
    """Names of the arguments of `model.forward`, or None if it takes any."""
    parameters = inspect.signature(model.forward).parameters
    names = {p.name for p in parameters.values() if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)}
    if not names:
        return None
    return names if keep_labels else names - set(LABEL_COLUMNS)


def _holds_batches(data: Any) -> bool:
    """Whether `data` yields batches: a DataLoader or another iterable that is not a sequence of samples."""
    if isinstance(data, DataLoader) or not hasattr(data, "__getitem__"):
        return True
    first = _sample(data[0])
    if isinstance(first, Mapping):
        tensors = [value for value in first.values() if isinstance(value, Tensor)]
        return bool(tensors) and max(t.ndim for t in tensors) >= 2 and not _is_image_sample(first)
    return not isinstance(first, str)


def _is_image_sample(sample: Mapping[str, Any]) -> bool:
    """One image or spectrogram per sample: `pixel_values` of 3 dimensions, `input_features` of 2."""
    sizes = {"pixel_values": 3, "input_features": 2, "input_values": 1}
    return any(isinstance(sample.get(k), Tensor) and sample[k].ndim == size for k, size in sizes.items())


def _sample(item: Any) -> Any:
    return item[0] if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], Mapping) else item


def _without_label(batch: Any) -> Any:
    """A ready batch, INC's `(inputs, label)` without its label, in a form that `workflow.run` takes."""
    if isinstance(batch, tuple | list) and len(batch) == 2 and isinstance(batch[0], Mapping | Tensor):
        return batch[0] if isinstance(batch[0], Mapping) else (batch[0],)
    return batch


def _encode(samples: list[Any], accepted: set[str] | None, tokenizer: Any, model: nn.Module) -> list[dict[str, Any]]:
    if isinstance(samples[0], str):
        samples = [{"text": text} for text in samples]
    main_input = getattr(model, "main_input_name", "input_ids")
    if main_input not in samples[0] and (columns := text_columns(samples[0])):
        samples = [_tokenize(sample, columns, tokenizer, model) for sample in samples]
    _check_main_input(samples[0], samples[0], model)
    return [
        {("labels" if key == "label" else key): value for key, value in sample.items() if _keep(key, accepted)}
        for sample in samples
    ]


def _keep(key: str, accepted: set[str] | None) -> bool:
    return accepted is None or key in accepted or (key == "label" and "labels" in accepted)


def text_columns(sample: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """The column, or the two columns, of a sample that hold its text."""
    for first, second in reversed(TEXT_COLUMNS):
        if isinstance(sample.get(first), str) and (second is None or isinstance(sample.get(second), str)):
            return first, second
    texts = [key for key, value in sample.items() if isinstance(value, str)]
    return (texts[0], None) if len(texts) == 1 else None


def _tokenize(sample: Mapping[str, Any], columns: tuple[str, str | None], tokenizer: Any, model: nn.Module) -> dict:
    if tokenizer is None:
        raise UsageError(f"The data holds text (column {columns[0]!r}); pass `tokenizer=` or tokenize it before.")
    first, second = columns
    limit = min(tokenizer.model_max_length, getattr(model.config, "max_position_embeddings", None) or 512, 512)
    with usage_error_for(f"Column {first!r} holds what the tokenizer does not take"):
        encoded = tokenizer(sample[first], sample[second] if second else None, truncation=True, max_length=limit)
    return {**encoded, **{key: sample[key] for key in LABEL_COLUMNS if key in sample}}


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
        return tensors
    parts = batch if isinstance(batch, tuple | list) else [batch]
    if isinstance(model, PreTrainedModel) and not all(isinstance(part, Tensor) for part in parts):
        raise UsageTypeError(f"Got {reprlib.repr(batch)} as a batch; {type(model).__name__} needs a dict of tensors.")
    return batch


def _check_main_input(usable: Collection[str], came: Collection[str], model: nn.Module) -> None:
    if isinstance(model, PreTrainedModel) and not {model.main_input_name, "inputs_embeds"}.intersection(usable):
        raise UsageError(
            f"The data gives {sorted(came)}, but {type(model).__name__} needs {model.main_input_name!r} "
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
    for batch in batches:
        if missing <= 0:
            break
        length = batch_length(batch)
        taken.append(_cut(batch, missing) if length > missing else batch)
        missing -= length
    return taken


def _cut(batch: Any, length: int) -> Any:
    if isinstance(batch, Mapping):
        return {key: _cut(value, length) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return type(batch)(_cut(value, length) for value in batch)
    return batch[:length] if isinstance(batch, Tensor) and batch.ndim else batch
