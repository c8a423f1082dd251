"""Samples of text, images and sound as the inputs of a model."""

import reprlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from inc_hf.errors import UsageError, usage_error_for
from inc_hf.models.labels import LABEL_COLUMNS
from inc_hf.models.limits import text_limit
from inc_hf.models.samples import is_image

Columns = tuple[str, str | None]


def encoded(
    sample: Mapping[str, Any], model: nn.Module, processor: Any, columns: Columns | None = None
) -> dict[str, Any]:
    """A sample that is text, an image or sound through the tokenizer or processor; any other as it is.

    Args:
        columns: those of the text, see [`text_columns`].

    Raises:
        ValueError: there is none, or it does not take the sample.
    """
    main_input = getattr(model, "main_input_name", "input_ids")
    if main_input in sample or "inputs_embeds" in sample:
        return dict(sample)
    labels = {key: _target(sample[key], model, processor) for key in LABEL_COLUMNS if key in sample}
    if main_input != "input_ids":
        raw = _image(sample, model, processor) or _sound(sample, processor)
        return dict(sample) if raw is None else {**raw, **labels}
    return dict(sample) if columns is None else {**_tokens(sample, columns, model, processor), **labels}


def _tokens(sample: Mapping[str, Any], columns: Columns, model: nn.Module, tokenizer: Any) -> dict:
    first, second = columns
    tokenizer = getattr(tokenizer, "tokenizer", tokenizer)  # of a processor of several modalities
    if tokenizer is None:
        raise UsageError(f"The data holds text (column {first!r}); pass `tokenizer=` or tokenize it before.")
    limit = text_limit(model, tokenizer)
    with usage_error_for(f"Column {first!r} holds what the tokenizer does not take"):
        return dict(
            tokenizer(
                sample[first], sample[second] if second else None, truncation=limit is not None, max_length=limit
            )
        )


def _target(label: Any, model: nn.Module, processor: Any) -> Any:
    """A label; of a model that generates it from the input, text as tokens."""
    tokenizer = getattr(processor, "tokenizer", processor)
    generates = getattr(getattr(model, "config", None), "is_encoder_decoder", False) and model.can_generate()
    if not isinstance(label, str) or not generates or tokenizer is None:
        return label
    limit = text_limit(model, tokenizer)
    return tokenizer(text_target=label, truncation=limit is not None, max_length=limit)["input_ids"]


def _image(sample: Mapping[str, Any], model: nn.Module, processor: Any) -> dict[str, Any] | None:
    """What an image processor makes of the image in a sample, None if there is none."""
    name = next((key for key, value in sample.items() if is_image(value)), None)
    if name is None:
        return None
    image, processor = sample[name], getattr(processor, "image_processor", processor)
    if processor is None:
        raise UsageError(f"The data holds images (column {name!r}); pass the image processor as `tokenizer=`.")
    if getattr(model.config, "num_channels", 3) == 3:
        image = image.convert("RGB")
    with usage_error_for(f"Column {name!r} holds what the processor does not take"):
        return {key: value[0] for key, value in processor(images=image, return_tensors="pt").items()}


def _sound(sample: Mapping[str, Any], processor: Any) -> dict[str, Any] | None:
    """What a feature extractor makes of the sound in a sample, as `datasets.Audio` has it; None if there is none."""
    name = next((key for key, value in sample.items() if _is_sound(value)), None)
    if name is None:
        return None
    sound, processor = sample[name], getattr(processor, "feature_extractor", processor)
    if processor is None:
        raise UsageError(f"The data holds sound (column {name!r}); pass the feature extractor as `tokenizer=`.")
    with usage_error_for(f"Column {name!r}, {reprlib.repr(sound)}, holds what the feature extractor does not take"):
        features = processor(sound["array"], sampling_rate=sound["sampling_rate"], return_tensors="pt")
        return {key: value[0] for key, value in features.items()}


def _is_sound(value: Any) -> bool:
    decodes = type(value).__name__ == "AudioDecoder"  # of `datasets`, which decodes when it is asked
    return decodes or isinstance(value, Mapping) and {"array", "sampling_rate"} <= set(value)
