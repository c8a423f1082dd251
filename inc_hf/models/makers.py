"""What each input of a model looks like."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor
from transformers import PreTrainedModel

from inc_hf.errors import UsageError
from inc_hf.models.sizes import (
    audio_size,
    channels,
    count_of_types,
    first_int,
    first_of,
    frames_of_video,
    image_size,
    size_in,
    sized_config,
    text_config,
)

SOUND = ("input_values", "input_features")
SMALL = 32  # an image where a config does not say how large it is


@dataclass
class Sizes:
    """How much of everything is in a batch.

    Args:
        batch, images (`int`): samples; images of models with two towers may be more or fewer than texts.
        tokens, sound (`int`): length of a text, and of a second of sound.
        pixels (`int`): by how much each side of an image is larger than the config says.
    """

    batch: int = 2
    tokens: int = 8
    sound: int = 16000
    pixels: int = 0
    images: int | None = None
    generator: torch.Generator = field(default_factory=lambda: torch.Generator().manual_seed(0))


def parameters_of(model: PreTrainedModel) -> list[str]:
    """The names of the arguments of `forward`."""
    parameters = inspect.signature(model.forward).parameters.values()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def ids_of(model: PreTrainedModel, sizes: Sizes) -> Tensor:
    """Tokens that end a text where the config says what ends one; for each choice, where a model chooses."""
    if "input_ids" not in parameters_of(model):
        return torch.zeros(sizes.batch, sizes.tokens, dtype=torch.long)
    config = text_config(model)
    vocabulary, end = first_int(config, "vocab_size") or 8, first_of(config, "eos_token_id")
    ids = torch.randint(0, vocabulary, (sizes.batch, sizes.tokens), generator=sizes.generator)
    if isinstance(end, int) and 0 <= end < vocabulary:
        ids = torch.where(ids == end, 0 if end else 1, ids)
        ids[:, -1] = end
    is_choice = type(model).__name__.endswith("ForMultipleChoice")
    return ids.unsqueeze(1).repeat(1, 2, 1) if is_choice else ids


def made(name: str, model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
    """The input of this name that goes with the tokens `ids`.

    Raises:
        ValueError: we do not know what it looks like, or the config does not say its size.
    """
    if name in MAKERS:
        return MAKERS[name](model, ids, sizes)
    if name.startswith("decoder_"):
        shape = (sizes.batch, max(sizes.tokens // 2, 1))
        return torch.full(shape, int(name.endswith("mask")), dtype=torch.long)
    if name.endswith("_mask"):
        return torch.ones_like(ids)
    if name.endswith("_ids"):
        return torch.zeros_like(ids)
    raise UsageError(
        f"What `{name}` of {type(model).__name__} looks like is not known; give `example_inputs` in the config."
    )


def _mask(model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
    """Of all but the first sample's last quarter, where there is more than one."""
    mask = torch.ones_like(ids)
    if model.main_input_name in SOUND:
        sound = MAKERS[model.main_input_name](model, ids, sizes)
        is_whisper = model.main_input_name == "input_features" and _is_whisper(model)
        mask = torch.ones(sizes.batch, sound.shape[2 if is_whisper else 1], dtype=torch.long)
    if sizes.batch > 2:
        mask[0, ..., -mask.shape[-1] // 4 :] = 0
    return mask


def _types(model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
    kinds = getattr(text_config(model), "type_vocab_sizes", None)
    if kinds:
        return torch.zeros(*ids.shape, len(kinds), dtype=torch.long)
    types = torch.zeros_like(ids)
    types[..., ids.shape[-1] // 2 :] = min(1, max(count_of_types(model) - 1, 0))
    return types


def _boxes(model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
    """Left, top, right, bottom."""
    corner = torch.randint(0, 400, (*ids.shape, 2), generator=sizes.generator)
    return torch.cat([corner, corner + 50], -1)


def _paths(padding: str) -> Callable[[PreTrainedModel, Tensor, Sizes], Tensor]:
    def make(model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
        shape = (*ids.shape, model.config.max_depth)
        return torch.randint(0, getattr(model.config, padding), shape, generator=sizes.generator)

    return make


def _places(model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
    return torch.arange(ids.shape[-1]).expand(ids.shape).contiguous()


def _embeddings(model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
    width = model.get_input_embeddings().embedding_dim
    return torch.randn(*ids.shape, width, generator=sizes.generator)


def _image(model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
    """`(images, channels, height, width)`; a video has its frames before the channels, all of one size."""
    vision = sized_config(model) or model.config
    height, width = image_size(vision, SMALL)
    video, more = frames_of_video(model, vision), sizes.pixels
    sides = (height, width) if video else (height + more, width + more)
    shape = (sizes.images or sizes.batch, *video, channels(vision), *sides)
    return torch.randn(shape, generator=sizes.generator)


def _sound(model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
    shape = (model.config.max_length, model.config.num_mel_bins) if hears_images(model) else (sizes.sound,)
    return torch.randn(sizes.batch, *shape, generator=sizes.generator)


def hears_images(model: PreTrainedModel) -> bool:
    """Whether a model takes a spectrogram for an image, with patches, and not the samples themselves."""
    return model.main_input_name == "input_values" and hasattr(model.config, "frequency_stride")


def _is_whisper(model: PreTrainedModel) -> bool:
    return size_in(model, "num_mel_bins") is not None


def _features(model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
    """`(batch, bins, frames)` of Whisper, whose frames are fixed, `(batch, 1, frames, bins)` of CLAP, otherwise
    `(batch, frames, bins)`."""
    if spectrogram := audio_size(model):
        return torch.randn(sizes.batch, 1, *spectrogram, generator=sizes.generator)
    if _is_whisper(model):
        frames = 2 * (size_in(model, "max_source_positions") or 50)
        return torch.randn(sizes.batch, size_in(model, "num_mel_bins"), frames, generator=sizes.generator)
    bins = size_in(model, "feature_projection_input_dim", "input_feat_per_channel", "input_dim")
    if bins is None:
        raise UsageError(f"{type(model.config).__name__} does not say how many numbers each frame of sound has.")
    return torch.randn(sizes.batch, sizes.sound // 160, bins, generator=sizes.generator)


MAKERS: dict[str, Callable[[PreTrainedModel, Tensor, Sizes], Tensor]] = {
    "input_ids": lambda model, ids, sizes: ids,
    "attention_mask": _mask,
    "token_type_ids": _types,
    "position_ids": _places,
    "langs": lambda model, ids, sizes: torch.zeros_like(ids),
    "inputs_embeds": _embeddings,
    "bbox": _boxes,
    "xpath_tags_seq": _paths("tag_pad_id"),
    "xpath_subs_seq": _paths("subs_pad_id"),
    "pixel_values": _image,
    "pixel_mask": lambda model, ids, sizes: torch.ones_like(_image(model, ids, sizes)[:, 0]).long(),
    "input_values": _sound,
    "input_features": _features,
}
