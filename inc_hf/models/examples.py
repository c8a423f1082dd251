"""Example inputs of every size for a model: those that its processor gives, and those that are asked for."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

from inc_hf.errors import UsageError

Batch = dict[str, Tensor]
SOUND = ("input_values", "input_features")
IMAGE_SIZES = ("image_size", "input_size", "crop_size")


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


def example(model: PreTrainedModel, sizes: Sizes | None = None, names: Iterable[str] | None = None) -> Batch:
    """A batch with random values.

    Args:
        names (`list[str]`, *optional*): of the inputs; by default those of [`usual_inputs`].

    Raises:
        ValueError: the model has no such input, or we do not know what it looks like.
    """
    sizes = sizes or Sizes()
    names = usual_inputs(model) if names is None else list(names)
    if unknown := [name for name in names if name not in parameters_of(model)]:
        raise UsageError(f"{type(model).__name__} has no inputs {unknown}, only {', '.join(parameters_of(model))}.")
    ids = _ids(model, sizes)
    return {name: _made(name, model, ids, sizes) for name in parameters_of(model) if name in names}


def usual_inputs(model: PreTrainedModel, besides: Iterable[str] = ()) -> list[str]:
    """What a processor of such a model gives, and `besides`; embeddings are instead of tokens."""
    besides = list(besides)
    found = [name for name in parameters_of(model) if _is_usual(name, model)]
    found += [name for name in besides if name not in found]
    return [name for name in found if name != "input_ids" or "inputs_embeds" not in besides]


def parameters_of(model: PreTrainedModel) -> list[str]:
    """The names of the arguments of `forward`."""
    parameters = inspect.signature(model.forward).parameters.values()
    return [p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]


def _is_usual(name: str, model: PreTrainedModel) -> bool:
    if name in main_inputs(model) or name in ("bbox", "xpath_tags_seq", "xpath_subs_seq"):
        return True
    if name == "token_type_ids":
        return name in text_inputs(model) and _count_of_types(model) > 1
    if name == "attention_mask":
        reads = "input_ids" in parameters_of(model) and name in text_inputs(model)
        return reads or model.main_input_name in SOUND and not _hears_images(model)
    return name in two_towers(model)


def main_inputs(model: PreTrainedModel) -> tuple[str, ...]:
    """What no call goes without."""
    name = type(model).__name__
    is_pair = model.config.is_encoder_decoder and not name.endswith(("Classification", "QuestionAnswering"))
    return (model.main_input_name, *(["decoder_input_ids"] if is_pair else []))


def two_towers(model: PreTrainedModel) -> tuple[str, ...]:
    """The inputs of a model that reads and sees; nothing if it does only one of them."""
    both = {"input_ids", "pixel_values"} <= set(parameters_of(model))
    return ("input_ids", "pixel_values", "pixel_mask") if both and vision_config(model) is not None else ()


def text_inputs(model: PreTrainedModel) -> list[str]:
    """What the tokenizers of such models give."""
    import transformers

    name = TOKENIZER_MAPPING_NAMES.get(model.config.model_type)
    tokenizer = getattr(transformers, name, None) if isinstance(name, str) else None
    usual = ["input_ids", "attention_mask", "token_type_ids"]
    if model.config.model_type == "siglip":  # its texts are padded, and the padding is read
        return ["input_ids"]
    return usual if tokenizer is None else tokenizer.model_input_names


def vision_config(model: PreTrainedModel) -> Any:
    """The part of the config that says what images look like, None if there is none."""
    config = model.config
    found = getattr(config, "vision_config", None)
    return config if found is None and any(hasattr(config, name) for name in IMAGE_SIZES) else found


def _count_of_types(model: PreTrainedModel) -> int:
    text = model.config.get_text_config()
    if sizes := getattr(text, "type_vocab_sizes", None):  # TAPAS has seven kinds
        return max(sizes)
    return getattr(text, "type_vocab_size", 0)


def _ids(model: PreTrainedModel, sizes: Sizes) -> Tensor:
    """Tokens that end a text where the config says what ends one; of one choice each for models that choose."""
    if "input_ids" not in parameters_of(model):
        return torch.zeros(sizes.batch, sizes.tokens, dtype=torch.long)
    vocabulary = first_int(model.config.get_text_config(), "vocab_size") or 8
    shape = (sizes.batch, sizes.tokens)
    ids = torch.randint(0, vocabulary, shape, generator=sizes.generator)
    end = getattr(model.config.get_text_config(), "eos_token_id", None)
    if isinstance(end, int) and 0 <= end < vocabulary:
        ids = torch.where(ids == end, 0 if end else 1, ids)
        ids[:, -1] = end
    is_choice = type(model).__name__.endswith("ForMultipleChoice")
    return ids.unsqueeze(1).repeat(1, 2, 1) if is_choice else ids


def _made(name: str, model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
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
    kinds = getattr(model.config.get_text_config(), "type_vocab_sizes", None)
    if kinds:
        return torch.zeros(*ids.shape, len(kinds), dtype=torch.long)
    types = torch.zeros_like(ids)
    types[..., ids.shape[-1] // 2 :] = min(1, max(_count_of_types(model) - 1, 0))
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
    vision = vision_config(model) or model.config
    size = next((v for n in IMAGE_SIZES if (v := getattr(vision, n, None))), 32)
    size = (size["height"], size["width"]) if isinstance(size, dict) else size
    height, width = size if isinstance(size, list | tuple) and len(size) == 2 else (size, size)
    if not isinstance(height, int) or not isinstance(width, int):
        raise UsageError(f"`image_size` of {type(vision).__name__} is {size!r}, no height and width.")
    channels = first_int(vision, "num_channels", "in_channels", "in_chans") or 3
    shape = (sizes.images or sizes.batch, channels, height + sizes.pixels, width + sizes.pixels)
    return torch.randn(shape, generator=sizes.generator)


def _sound(model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
    shape = (model.config.max_length, model.config.num_mel_bins) if _hears_images(model) else (sizes.sound,)
    return torch.randn(sizes.batch, *shape, generator=sizes.generator)


def _hears_images(model: PreTrainedModel) -> bool:
    """Whether a model takes a spectrogram for an image, with patches, and not the samples themselves."""
    return model.main_input_name == "input_values" and hasattr(model.config, "frequency_stride")


def _is_whisper(model: PreTrainedModel) -> bool:
    return first_int(model.config, "num_mel_bins") is not None


def _features(model: PreTrainedModel, ids: Tensor, sizes: Sizes) -> Tensor:
    """`(batch, bins, frames)` of Whisper, whose frames are fixed, otherwise `(batch, frames, bins)`."""
    if _is_whisper(model):
        frames = 2 * (first_int(model.config, "max_source_positions") or 50)
        return torch.randn(sizes.batch, model.config.num_mel_bins, frames, generator=sizes.generator)
    bins = first_int(model.config, "feature_projection_input_dim", "input_feat_per_channel", "input_dim")
    if bins is None:
        raise UsageError(f"{type(model.config).__name__} does not say how many numbers each frame of sound has.")
    return torch.randn(sizes.batch, sizes.sound // 160, bins, generator=sizes.generator)


MAKERS: dict[str, Callable[[PreTrainedModel, Tensor, Sizes], Tensor]] = {
    "input_ids": lambda model, ids, sizes: ids,
    "attention_mask": _mask,
    "token_type_ids": _types,
    "position_ids": _places,
    "inputs_embeds": _embeddings,
    "bbox": _boxes,
    "xpath_tags_seq": _paths("tag_pad_id"),
    "xpath_subs_seq": _paths("subs_pad_id"),
    "pixel_values": _image,
    "pixel_mask": lambda model, ids, sizes: torch.ones_like(_image(model, ids, sizes)[:, 0]).long(),
    "input_values": _sound,
    "input_features": _features,
}


def first_int(config: Any, *names: str) -> int | None:
    """The first of these settings that there is, a whole number."""
    return next((v for name in names if isinstance(v := getattr(config, name, None), int)), None)
