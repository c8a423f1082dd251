"""Sizes that a config says, itself or in the part of a tower."""

from typing import Any

from transformers import PreTrainedConfig, PreTrainedModel

from inc_hf.errors import UsageError

IMAGE_SIZES = ("image_size", "input_size", "crop_size")
CHANNELS = ("num_channels", "in_channels", "in_chans")


def text_config(model: PreTrainedModel) -> Any:
    """The part of the config that says what texts look like.

    Raises:
        ValueError: there are several.
    """
    config = model.config
    try:
        return config.get_text_config()
    except ValueError as error:
        raise UsageError(f"{type(config).__name__} does not say which of its texts the inputs are: {error}") from error


def vision_config(config: Any) -> Any:
    """The part of a config that is about images, by its name; otherwise all of it."""
    return getattr(config, "vision_config", None) or getattr(config, "image_config", None) or config


def sized_config(model: PreTrainedModel) -> Any:
    """The part of the config that says how large images are, None if there is none."""
    return next((part for part in parts_of(model) if first_of(part, *IMAGE_SIZES) is not None), None)


def image_size(config: Any, unsaid: int) -> tuple[int, int]:
    """Height and width of images.

    Args:
        unsaid (`int`): where the config does not say it.

    Raises:
        ValueError: the config says something else.
    """
    said = first_of(config, *IMAGE_SIZES) or unsaid
    size = (said.get("height", unsaid), said.get("width", unsaid)) if isinstance(said, dict) else said
    height, width = size if isinstance(size, list | tuple) and len(size) == 2 else (size, size)
    if not isinstance(height, int) or not isinstance(width, int):
        raise UsageError(f"`image_size` of {type(config).__name__} is {said!r}, no height and width.")
    return height, width


def channels(config: Any) -> int:
    """Of images."""
    return first_int(config, *CHANNELS) or 3


def frames_of_video(model: PreTrainedModel, config: Any) -> list[int]:
    """`[frames]` of a model whose images are videos, otherwise `[]`."""
    is_video = "video" in str(getattr(model, "input_modalities", ""))
    count = first_int(config, "num_frames") if is_video else None
    return [] if count is None else [count]


def parts_of(model: PreTrainedModel) -> list[Any]:
    """The config, and those of its towers, encoder or backbone: sizes stand in one of them."""
    names = ("vision_config", "image_config", "audio_config", "encoder", "backbone_config")
    found = [getattr(model.config, name, None) for name in names]
    return [model.config, *[part for part in found if isinstance(part, PreTrainedConfig)]]


def size_in(model: PreTrainedModel, *names: str) -> int | None:
    """The first whole number that one of the configs has under one of these names."""
    return next((size for part in parts_of(model) if (size := first_int(part, *names)) is not None), None)


def audio_size(model: PreTrainedModel) -> tuple[int, int] | None:
    """Frames and bins of a model that takes a spectrogram for an image of a fixed size (CLAP); None for others."""
    side, bins = size_in(model, "spec_size"), size_in(model, "num_mel_bins")
    return None if side is None or bins is None else (side * (side // bins), bins)


def count_of_types(model: PreTrainedModel) -> int:
    """Of `token_type_ids`: how many values there are."""
    text = text_config(model)
    if sizes := getattr(text, "type_vocab_sizes", None):  # TAPAS has seven kinds
        return max(sizes)
    return getattr(text, "type_vocab_size", 0)


def first_of(config: Any, *names: str) -> Any:
    """The first of these settings that there is."""
    return next((v for name in names if (v := getattr(config, name, None)) is not None), None)


def first_int(config: Any, *names: str) -> int | None:
    """The first of these settings that there is, a whole number."""
    return next((v for name in names if isinstance(v := getattr(config, name, None), int)), None)
