"""What users have as data: one sample or a batch, and the names of its parts."""

import inspect
import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset, default_collate
from transformers import PreTrainedModel

from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.models.labels import LABEL_COLUMNS, ids_of_words
from inc_hf.models.words import word_columns

# Dimensions of one sample of an input; a batch has one more.
DIMENSIONS = {
    "input_ids": 1,
    "inputs_embeds": 2,
    "pixel_values": 3,
    "pixel_values_videos": 4,
    "flattened_patches": 2,
    "input_features": 2,
    "input_values": 1,
}
# Beside them, `pixel_values` are the patches of an image, not the image: their dimensions, too, in one sample.
OF_PATCHES = {"spatial_shapes": 1, "pixel_position_ids": 2, "image_position_ids": 2}
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
TEXT_NAMES = ", ".join(first if second is None else f"{first} with {second}" for first, second in TEXT_COLUMNS)
PER_TOKEN = ("ForTokenClassification", "ForMaskedLM", "ForCausalLM", "LMHeadModel", "ForConditionalGeneration")


def elements_of(data: Any) -> Iterator[Any]:
    """The samples or batches of data, one after the other; never all of them."""
    if isinstance(data, DataLoader) and data.collate_fn is default_collate:
        return (_upright(element) for element in data)
    is_stream = isinstance(data, DataLoader | IterableDataset)
    if is_stream or not hasattr(data, "__getitem__") or length_of(data) is None:
        return iter(data)
    return (data[i] for i in range(len(data)))


def _upright(element: Any) -> Any:
    """A batch in which torch's own collation has made of lists of numbers a list with a tensor for each place."""
    if isinstance(element, Mapping):
        return {key: _stacked(value) if isinstance(value, list) else value for key, value in element.items()}
    if isinstance(element, list) and element and isinstance(element[0], Mapping):
        return [_upright(element[0]), *element[1:]]
    return element


def _stacked(places: list[Any]) -> Any:
    parts = [_stacked(place) if isinstance(place, list) else place for place in places]
    return torch.stack(parts, 1) if parts and all(isinstance(part, Tensor) for part in parts) else places


def length_of(data: Any) -> int | None:
    """`len(data)`, None where there is none: a stream, or a loader of one."""
    try:
        return len(data)
    except (TypeError, NotImplementedError):  # what torch and `datasets` raise
        return None


def is_batch(element: Any, data: Any, model: nn.Module) -> bool:
    """Whether an element of `data`, [`named`] if it can be, has several samples."""
    if isinstance(element, Mapping):
        return _is_batch_of_columns(element, model)
    # Of a plain module, whose inputs may have any shape: a sample is what has one label.
    is_pair = isinstance(element, tuple | list) and len(element) == 2 and isinstance(element[0], Tensor)
    return not isinstance(data, TensorDataset) and not (is_pair and dimensions_of(element[1]) == 0)


def _is_batch_of_columns(columns: Mapping[str, Any], model: nn.Module) -> bool:
    if word_columns(columns, model):
        return False
    names = [*main_names(model), *DIMENSIONS]
    if name := next((name for name in names if name in columns), None):
        if name == "pixel_values" and (beside := next((key for key in OF_PATCHES if key in columns), None)):
            return dimensions_of(columns[beside]) > OF_PATCHES[beside]
        if name.startswith("pixel_values") and dimensions_of(columns[name]) == 2:  # of all images, side by side
            return True
        return dimensions_of(columns[name]) > _dimensions(model, name)
    if text_columns(columns) is None and text_columns(_first_row(columns), only_known=True):
        return True
    return any(isinstance(value, Tensor) and value.ndim >= 2 for value in columns.values())


def _first_row(columns: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value[0] for key, value in columns.items() if isinstance(value, list | tuple) and value}


def rows_of(columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The samples of a batch whose values are lists."""
    length = max(len(value) for value in columns.values() if isinstance(value, list | tuple))
    whole = {key: value for key, value in columns.items() if dimensions_of(value) and len(value) == length}
    return [{key: value[i] for key, value in whole.items()} for i in range(length)]


def text_columns(sample: Mapping[str, Any], only_known: bool = False) -> tuple[str, str | None] | None:
    """The column, or the two columns, of a sample that hold its text; of unknown names, the only one with text."""
    for first, second in reversed(TEXT_COLUMNS):
        if isinstance(sample.get(first), str) and (second is None or isinstance(sample.get(second), str)):
            return first, second
    texts = [key for key, value in sample.items() if isinstance(value, str) and key not in LABEL_COLUMNS]
    return (texts[0], None) if len(texts) == 1 and not only_known else None


def empty_column(sample: Mapping[str, Any], columns: tuple[str, str | None] | None) -> str | None:
    """The column where a sample has nothing, as an empty field of a file comes: one of `columns`, which hold the text
    of others, or, where these are not known, one of them all if all are empty."""
    if columns is not None:
        return next((name for name in columns if name is not None and sample.get(name) is None), None)
    names = [name for name in sample if name not in LABEL_COLUMNS]
    return names[0] if names and all(sample[name] is None for name in names) else None


def refuse_empty(column: str, row: int) -> None:
    """Raise ValueError for the row that has nothing in a column."""
    raise UsageError(
        f"Row {row} (the first is 0) has nothing in column {column!r}; leave such samples out, or fill them."
    )


def dimensions_of(value: Any) -> int:
    """Dimensions of a tensor, an array, or of lists in lists."""
    if isinstance(value, list | tuple):
        return 1 + (dimensions_of(value[0]) if value else 0)
    return getattr(value, "ndim", 0)


def main_names(model: nn.Module) -> list[str]:
    """Names of the inputs that the model is about; OneFormer has two."""
    names = getattr(model, "main_input_name", "input_ids")
    return [names] if isinstance(names, str) else list(names)


def _dimensions(model: nn.Module, name: str) -> int:
    config = getattr(model, "config", None)
    if name == "input_ids" and type(model).__name__.endswith("ForMultipleChoice"):
        return 2
    if name == "pixel_values" and hasattr(config, "num_frames"):
        return 4
    if name == "input_values" and hasattr(config, "num_mel_bins") and not hasattr(config, "conv_dim"):
        return 2  # a spectrogram; SpeechT5, which writes those, reads a wave
    return DIMENSIONS.get(name, 1)


def named(element: Any, model: nn.Module) -> Any:
    """A sample or a batch for a model of transformers by the names of its parts; of a plain module as it is.

    Raises:
        TypeError: there is no telling what it is.
    """
    if isinstance(element, Mapping):
        return dict(element)
    if element is None or (isinstance(element, tuple | list) and len(element) == 2 and element[0] is None):
        raise UsageError(f"A sample is {element!r}, without a text or an input; leave such samples out.")
    parts = list(element) if isinstance(element, tuple | list) else [element]
    if len(parts) == 2 and isinstance(parts[0], Mapping):
        return {**parts[0], **({} if parts[1] is None else {"labels": parts[1]})}
    if not isinstance(model, PreTrainedModel):
        return {"text": element} if isinstance(element, str) else element
    if isinstance(element, list) and parts and all(isinstance(part, str) for part in parts):
        return {"text": parts}
    first = parts[0] if parts else None
    if isinstance(first, Tensor | np.ndarray):
        return _named_tensors(parts, model)
    if len(parts) == 3 and _name_of(parts[0]) == _name_of(parts[1]) == "text":
        return dict(zip(("sentence1", "sentence2", "labels"), parts, strict=True))
    if len(parts) <= 2 and (name := _name_of(first)):
        return _named_pair(name, parts, model)
    raise UsageTypeError(f"Got {reprlib.repr(element)} as a batch; {type(model).__name__} needs a dict of tensors.")


def _name_of(part: Any) -> str | None:
    """The column of a text, of several texts, of an image."""
    is_texts = isinstance(part, tuple | list) and bool(part) and all(isinstance(text, str) for text in part)
    if isinstance(part, str) or is_texts:
        return "text"
    return "image" if is_image(part) else None


def is_image(value: Any) -> bool:
    """Whether it is one of Pillow's."""
    return type(value).__module__.partition(".")[0] == "PIL"


def _named_pair(name: str, parts: list[Any], model: nn.Module) -> dict[str, Any]:
    """With a label, or, where that is text but no label of the model's, with a second text."""
    if len(parts) == 1:
        return {name: parts[0]}
    if isinstance(parts[1], str) and parts[1] not in ids_of_words(model):
        return {"sentence1": parts[0], "sentence2": parts[1]}
    return {name: parts[0], "labels": parts[1]}


def _named_tensors(parts: list[Any], model: nn.Module) -> dict[str, Any]:
    """Tensors in the order of the arguments of `forward`, the last of which may be the label."""
    names = [*main_names(model), *inspect.signature(model.forward).parameters]
    inputs, label = (parts[:-1], parts[-1:]) if _ends_with_label(parts, model) else (parts, [])
    return {**dict(zip(dict.fromkeys(names), inputs, strict=False)), **dict(zip(["labels"], label, strict=False))}


def _ends_with_label(parts: list[Any], model: nn.Module) -> bool:
    """INC's pairs `(inputs, label)` do, but for a mask of the tokens as `TensorDataset(ids, mask)` has it."""
    if len(parts) == 1:
        return False
    first, last = parts[0], torch.as_tensor(parts[-1])
    if last.shape != first.shape:
        return len(parts) == 2 or last.ndim < first.ndim
    is_mask = not last.is_floating_point() and bool(((last == 0) | (last == 1)).all())
    return not is_mask or type(model).__name__.endswith(PER_TOKEN)
