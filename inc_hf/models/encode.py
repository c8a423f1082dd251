"""Samples of text, images and sound as the inputs of a model."""

import inspect
import logging
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from inc_hf.errors import UsageError, usage_error_for
from inc_hf.models.labels import LABEL_COLUMNS
from inc_hf.models.limits import text_limit
from inc_hf.models.samples import empty_column, is_image, refuse_empty, text_columns
from inc_hf.models.spans import has_answers, marked_tokens
from inc_hf.models.words import tagged_tokens, word_columns

logger = logging.getLogger(__name__)


@dataclass
class Encoder:
    """Brings samples through the tokenizer or processor, if there is one."""

    model: nn.Module
    processor: Any = None
    columns: tuple[str, str | None] | None = None  # of the text, as the first sample has them

    @cached_property
    def tokenizer(self) -> Any:
        """That of a processor of several modalities, or what is none."""
        return getattr(self.processor, "tokenizer", self.processor)

    @cached_property
    def settings(self) -> dict[str, Any]:
        """How texts are cut."""
        limit = text_limit(self.model, self.tokenizer)
        return {"truncation": limit is not None, "max_length": limit}

    @cached_property
    def writes(self) -> bool:
        """Whether the model's answer to a text is a text."""
        is_pair = getattr(getattr(self.model, "config", None), "is_encoder_decoder", False)
        return is_pair and self.model.can_generate()

    @cached_property
    def sees(self) -> bool:
        """Whether images belong to texts: a model with two towers, and a processor for both. What writes has images
        in the midst of its text, which only its own processor can put there."""
        takes = "pixel_values" in inspect.signature(self.model.forward).parameters and not self.model.can_generate()
        if takes and not hasattr(self.processor, "image_processor"):
            logger.warning("Images are left out: pass the processor of texts and images as `tokenizer=` to use them.")
            return False
        return takes

    def encoded(self, sample: Mapping[str, Any], row: int) -> dict[str, Any]:
        """A sample that is text, an image or sound as the model's inputs; any other as it is.

        Args:
            row (`int`): its number, for messages.

        Raises:
            ValueError: there is no tokenizer or processor, or it does not take the sample.
        """
        main_input = getattr(self.model, "main_input_name", "input_ids")
        if main_input in sample or "inputs_embeds" in sample:
            return dict(sample)
        if main_input == "input_ids":
            if self.tokenizer is not None and (words := word_columns(sample, self.model)):
                return tagged_tokens(sample, words, self.model, self.tokenizer, row, **self.settings)
            if self.tokenizer is not None and has_answers(sample, self.model):
                return marked_tokens(sample, self.tokenizer, row, **self.settings)
            self.columns = self.columns or text_columns(sample)
        if empty := empty_column(sample, self.columns):
            refuse_empty(empty, row)
        if main_input == "input_ids":
            inputs = self._tokens(sample, row) if self.columns else None
            if inputs is not None and any(map(is_image, sample.values())) and self.sees:
                inputs |= self._image(sample) or {}
        else:
            inputs = self._image(sample) or self._sound(sample)
        if inputs is None:
            return dict(sample)
        return {**inputs, **{key: self._target(sample[key]) for key in LABEL_COLUMNS if key in sample}}

    def _tokens(self, sample: Mapping[str, Any], row: int) -> dict[str, Any]:
        first, second = self.columns
        if self.tokenizer is None:
            raise UsageError(f"The data holds text (column {first!r}); pass `tokenizer=` or tokenize it before.")
        held = reprlib.repr(sample[first])
        with usage_error_for(
            f"Column {first!r} holds what the tokenizer does not take in row {row} (the first is 0), {held}"
        ):
            return dict(self.tokenizer(sample[first], sample[second] if second else None, **self.settings))

    def _target(self, label: Any) -> Any:
        """A label; of a model that writes, text as tokens."""
        if not isinstance(label, str) or not self.writes or self.tokenizer is None:
            return label
        return self.tokenizer(text_target=label, **self.settings)["input_ids"]

    def _image(self, sample: Mapping[str, Any]) -> dict[str, Any] | None:
        """What an image processor makes of the image in a sample, None if there is none."""
        name = next((key for key, value in sample.items() if is_image(value)), None)
        if name is None:
            return None
        image, processor = sample[name], getattr(self.processor, "image_processor", self.processor)
        if processor is None:
            raise UsageError(f"The data holds images (column {name!r}); pass the image processor as `tokenizer=`.")
        if getattr(self.model.config, "num_channels", 3) == 3:
            image = image.convert("RGB")
        with usage_error_for(f"Column {name!r} holds what the processor does not take"):
            return {key: value[0] for key, value in processor(images=image, return_tensors="pt").items()}

    def _sound(self, sample: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a feature extractor makes of the sound in a sample, as in `datasets.Audio`; None without one."""
        name = next((key for key, value in sample.items() if _is_sound(value)), None)
        if name is None:
            return None
        sound, processor = sample[name], getattr(self.processor, "feature_extractor", self.processor)
        if processor is None:
            raise UsageError(f"The data holds sound (column {name!r}); pass the feature extractor as `tokenizer=`.")
        with usage_error_for(
            f"Column {name!r}, {reprlib.repr(sound)}, holds what the feature extractor does not take"
        ):
            features = processor(sound["array"], sampling_rate=sound["sampling_rate"], return_tensors="pt")
            return {key: value[0] for key, value in features.items()}


def _is_sound(value: Any) -> bool:
    decodes = type(value).__name__ == "AudioDecoder"  # of `datasets`, which decodes when it is asked
    return decodes or isinstance(value, Mapping) and {"array", "sampling_rate"} <= set(value)
