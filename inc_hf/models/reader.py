"""From one sample or batch in any form to inputs of a model."""

import inspect
import reprlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import default_collate
from transformers import PreTrainedModel

from inc_hf.errors import UsageError, UsageTypeError, usage_error_for
from inc_hf.models.collate import collate
from inc_hf.models.encode import Encoder
from inc_hf.models.labels import LABEL_COLUMNS, OTHER_NAMES, in_order, label_numbers
from inc_hf.models.samples import TEXT_NAMES, main_names, rows_of


@dataclass
class Reader:
    """Makes inputs of samples and of ready batches; counts the rows, for messages."""

    model: nn.Module
    processor: Any
    collator: Callable | None
    accepted: set[str] | None
    order: list[int] | None
    rows: int = 0

    def __post_init__(self):
        self.encoder = Encoder(self.model, self.processor)

    def collated(self, samples: list[Any]) -> Any:
        """A batch of samples."""
        if not isinstance(samples[0], Mapping):  # of a plain module
            return _without_label((self.collator or default_collate)(samples), self.model)
        samples = [self.usable(sample) for sample in samples]
        with usage_error_for("These samples do not make a batch of tensors"):
            batch = self.collator(samples) if self.collator else collate(samples, self.model, self.processor)
        return _checked(batch, self.accepted, self.model)

    def usable(self, sample: Mapping[str, Any]) -> dict[str, Any]:
        """A sample through the tokenizer, with numbers as labels."""
        inputs = self.encoder.encoded(sample, self.rows)
        _check_main_input(inputs, sample, self.model)
        self.rows += 1
        return self._with_labels(inputs, self.rows - 1)

    def _with_labels(self, columns: Mapping[str, Any], row: int) -> dict[str, Any]:
        """What the model accepts, its labels as numbers."""
        columns = {("labels" if key in OTHER_NAMES else key): value for key, value in columns.items()}
        if self.accepted is not None:
            columns = {key: value for key, value in columns.items() if key in self.accepted}
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
        inputs = self._with_labels(batch, self.rows)
        self.rows += batch_length(batch)
        arrays = {key: value for key, value in inputs.items() if isinstance(value, np.ndarray)}
        if isinstance(inputs.get("labels"), list):
            arrays["labels"] = inputs["labels"]
        inputs |= {key: torch.as_tensor(value) for key, value in arrays.items()}
        return _checked(inputs, self.accepted, self.model, batch)


def _has_lists(batch: Mapping[str, Any]) -> bool:
    return any(isinstance(value, list | tuple) and value for value in batch.values())


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


def _checked(batch: Any, accepted: set[str] | None, model: nn.Module, came: Collection[str] | None = None) -> Any:
    """The batch without what the model does not accept.

    Args:
        came: the names of what came, for the message.

    Raises:
        ValueError, TypeError: it lacks the model's main input, or is nothing that a transformers model takes.
    """
    if isinstance(batch, Mapping):
        inputs = {key: value for key, value in batch.items() if accepted is None or key in accepted}
        if not isinstance(model, PreTrainedModel):
            return inputs
        tensors = {key: value for key, value in inputs.items() if isinstance(value, Tensor)}
        _check_main_input(tensors, came or batch, model)
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
            f"(in ready batches, a tensor); {'texts are in ' + TEXT_NAMES + ': ' if main == ['input_ids'] else ''}"
            "rename the columns (--text-column says which it is), or pass texts with a tokenizer."
        )


def batch_length(batch: Any) -> int:
    """Number of samples in a batch: of its texts, if it has some, since a sample may have several images, or patches
    of them side by side."""
    return next((len(value) for value in _parts_of(batch) if isinstance(value, Tensor) and value.ndim), 1)


def is_one_row_a_sample(batch: Any) -> bool:
    """Whether all tensors of a batch have a row for each sample, so that it can be cut."""
    return len({len(value) for value in _parts_of(batch) if isinstance(value, Tensor) and value.ndim}) <= 1


def _parts_of(batch: Any) -> list[Any]:
    if isinstance(batch, Mapping):
        texts = [batch[name] for name in ("input_ids", "inputs_embeds") if name in batch]
        return [*texts, *batch.values()]
    return list(batch) if isinstance(batch, tuple | list) else [batch]
