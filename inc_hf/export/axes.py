"""Which axes of a model's inputs may change, tried on the model itself: the batch, lengths, the size of images."""

import dataclasses
from collections.abc import Iterator, Sequence

import torch
from transformers import PreTrainedModel

from inc_hf.errors import UsageError
from inc_hf.export.part import Axes
from inc_hf.models.examples import Batch, example
from inc_hf.models.inputs import MISFIT
from inc_hf.models.makers import Sizes
from inc_hf.models.sizes import size_in

# Field of `Sizes` -> its values in the first and the second batch, and the names of the axes that it changes.
FREE = {
    "batch": (2, 3, "batch"),
    "images": (2, 3, "image_batch"),
    "tokens": (8, 7, "sequence"),
    "sound": (16000, 12000, "length"),
    "pixels": (0, 32, "size"),
}
ORDINARY = ("batch", "tokens")  # what nearly all models allow, and their graphs, too
FREE_NAMES = {"image_batch", "length", "height", "width"}  # of the others


@torch.no_grad()
def batches_and_axes(model: PreTrainedModel, names: Sequence[str], free: bool = True) -> tuple[list[Batch], Axes]:
    """Two batches that differ in all that the model allows to differ, and the axes in which they do.

    Args:
        names (`list[str]`): of the inputs.
        free (`bool`): whether more may change than the batch and the number of tokens.

    Raises:
        ValueError: the model takes none of these batches.
    """
    first = Sizes()
    if _misfit(model, example(model, first, names)):
        first = Sizes(batch=1)  # without a token for padding, some take one text at a time
        if reason := _misfit(model, example(model, first, names)):
            raise UsageError(
                f"{type(model).__name__} does not take the inputs that were made up for it ({reason}); give "
                "`example_inputs` in a Torch2ONNXConfig."
            )
    allowed = dict(_allowed(model, names, first, free))
    first = dataclasses.replace(first, **({"images": 3} if "images" in allowed else {}))
    other = dataclasses.replace(first, generator=torch.Generator().manual_seed(1), **allowed)
    batches = [example(model, sizes, names) for sizes in (first, other)]
    return batches, _axes(model, names, first, allowed)


def _allowed(model: PreTrainedModel, names: Sequence[str], first: Sizes, free: bool) -> Iterator[tuple[str, int]]:
    for field, (_, value, _) in FREE.items():
        if field == "images" and not {"input_ids", "pixel_values"} <= set(names):
            continue
        if field == "batch" and first.batch == 1 or not free and field not in ORDINARY:
            continue
        if field == "pixels" and size_in(model, "window_size") is not None:
            continue  # torch traces windows of an image of any size (Swin) for hours, and ends in a stack overflow
        if not _changed(model, names, first, field):
            continue
        other = {"images": 3} if field == "images" else {field: value}
        if not _misfit(model, example(model, dataclasses.replace(first, **other), names)):
            yield field, 2 if field == "images" else value


def _changed(model: PreTrainedModel, names: Sequence[str], first: Sizes, field: str) -> list[tuple[str, int]]:
    """The axes that a field of `Sizes` changes."""
    value = 3 if field == "images" else FREE[field][1]
    before, after = (example(model, sizes, names) for sizes in (first, dataclasses.replace(first, **{field: value})))
    return [
        (name, axis)
        for name, tensor in before.items()
        for axis, (a, b) in enumerate(zip(tensor.shape, after[name].shape, strict=True))
        if a != b
    ]


def _axes(model: PreTrainedModel, names: Sequence[str], first: Sizes, allowed: dict[str, int]) -> Axes:
    axes: Axes = {name: {} for name in names}
    plain = dataclasses.replace(first, images=None)
    for field in allowed:
        for name, axis in _changed(model, names, plain, field):
            axes[name][axis] = _axis_name(field, name, axis)
    return axes


def _axis_name(field: str, name: str, axis: int) -> str:
    if field == "pixels":
        return "height" if name == "pixel_values" and axis == 2 or name == "pixel_mask" and axis == 1 else "width"
    is_decoder = field == "tokens" and name.startswith("decoder_")
    return "decoder_sequence" if is_decoder else FREE[field][2]


def _misfit(model: PreTrainedModel, batch: Batch) -> str | None:
    """Why the model does not take a batch."""
    try:
        model(**batch)
    except MISFIT as error:
        return f"{type(error).__name__}: {error}"[:300]
    return None
