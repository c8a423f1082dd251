"""Inputs of a tiny model, made from the signature of its `forward` and from its config."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

import torch
from architectures.configs import FIRST_SPECIAL
from architectures.overrides import INPUTS
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

BATCH, LENGTH = 2, 12
FIRST_PLAIN = 20  # special tokens are below, or behind `FIRST_SPECIAL`
WAVE = 4000  # samples of sound
FRAMES = 2  # of a video
GRID = (1, 4, 4)  # patches of an image: time, height, width

Inputs = dict[str, Any]


class NoInputsError(LookupError):
    """A model whose inputs this file cannot make."""


@torch.no_grad()
def inputs_of(model: PreTrainedModel) -> Inputs:
    """The first of the candidates that the model takes.

    Raises:
        NoInputsError: it takes none of them.
    """
    reasons = []
    for candidate in candidates(model):
        try:
            model(**candidate)
            return candidate
        except Exception as error:  # whatever transformers meets in inputs that do not fit
            reasons.append(f"{sorted(candidate)}: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
    raise NoInputsError(" | ".join(dict.fromkeys(reasons)))


def candidates(model: PreTrainedModel) -> Iterator[Inputs]:
    """From all that the model takes to what it cannot do without."""
    torch.manual_seed(0)
    parameters = inspect.signature(model.forward).parameters
    required = [p.name for p in parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    config, main = model.config, _main_names(model)
    if special := INPUTS.get(config.model_type):
        yield {name: maker(config) for name, maker in special.items()}
    made = {
        name: value for n, f in MAKERS.items() if n in parameters and (value := f(config)) is not None for name in [n]
    }
    if "image_grid_thw" in made or "grid_thw" in made:
        made |= {name: patches(config) for name in ("pixel_values", "hidden_states") if name in parameters}
    if "input_ids" in made and "pixel_values" in made:
        yield from with_image(model, made)
        yield made
    kept = [name for name in made if name in (*main, *required) or name.startswith("decoder_")]
    companions = [name for name in made if name in COMPANIONS]
    if "input_ids" in main:
        companions.append("attention_mask")
    for names in ([*kept, *companions], kept, required):
        chosen = {name: made[name] for name in made if name in names}
        yield chosen
        for name in chosen:
            for other in OTHERS.get(name, ()):
                yield {**chosen, name: other(config)}
    yield made


def _main_names(model: PreTrainedModel) -> list[str]:
    name = model.main_input_name
    return [name] if isinstance(name, str) else list(name)


def with_image(model: PreTrainedModel, made: Inputs) -> Iterator[Inputs]:
    """With as many of the image's tokens in the text as the model makes of an image."""
    token = next((t for n in ("image_token_id", "image_token_index") if (t := getattr(model.config, n, None))), None)
    if not isinstance(token, int):
        return
    names = ("pixel_values", "image_grid_thw", "image_sizes", "image_merge_sizes")
    image = {name: made[name] for name in names if name in made}
    pixels = made["pixel_values"]
    others = [pixels.unsqueeze(1), torch.stack([pixels, pixels], 1)] if pixels.ndim == 4 else []
    givens = [image, {"pixel_values": pixels}, *({**image, "pixel_values": other} for other in others)]
    for given in givens:
        count = image_tokens(model, given)
        if not count or count % BATCH:
            continue
        ids = torch.cat([torch.full((BATCH, count // BATCH), token), made["input_ids"]], 1)
        inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **given}
        if "mm_token_type_ids" in made:
            inputs["mm_token_type_ids"] = (ids == token).long()
        if "token_type_ids" in made:
            inputs["token_type_ids"] = (ids == token).long()
        yield inputs
        yield {name: value for name, value in inputs.items() if name != "token_type_ids"}


def image_tokens(model: PreTrainedModel, image: Inputs) -> int | None:
    features = getattr(model, "get_image_features", None) or getattr(model, "model", None)
    features = getattr(features, "get_image_features", features)
    if features is None:
        return None
    taken = inspect.signature(features).parameters
    try:
        found = features(**{name: value for name, value in image.items() if name in taken})
    except Exception:  # as above
        return None
    found = getattr(found, "pooler_output", found)
    if isinstance(found, list | tuple):
        found = torch.cat([part.flatten(0, -2) for part in found])
    return found.numel() // found.shape[-1] if isinstance(found, Tensor) else None


def text_config(config: PreTrainedConfig) -> PreTrainedConfig:
    try:
        return config.get_text_config()
    except ValueError:
        return config


def part(config: PreTrainedConfig, name: str) -> PreTrainedConfig:
    """The nested config that has a value of this name, or the config itself."""
    parts = [config, *(value for value in vars(config).values() if isinstance(value, PreTrainedConfig))]
    parts += [v for p in parts[1:] for v in vars(p).values() if isinstance(v, PreTrainedConfig)]
    return next((part for part in parts if isinstance(getattr(part, name, None), int | list | tuple)), config)


def number(config: PreTrainedConfig, *names: str, default: int) -> int:
    for name in names:
        value = getattr(part(config, name), name, None)
        if isinstance(value, list | tuple) and value:
            value = value[0]
        if isinstance(value, int) and value:
            return value
    return default


def text(config: PreTrainedConfig) -> Tensor:
    largest = min(FIRST_SPECIAL, getattr(text_config(config), "vocab_size", None) or FIRST_SPECIAL)
    smallest = FIRST_PLAIN if largest > 2 * FIRST_PLAIN else 1
    return torch.randint(smallest, largest, (BATCH, LENGTH))


def ones(config: PreTrainedConfig) -> Tensor:
    return torch.ones(BATCH, LENGTH, dtype=torch.long)


def zeros(config: PreTrainedConfig) -> Tensor:
    return torch.zeros(BATCH, LENGTH, dtype=torch.long)


def decoder_text(config: PreTrainedConfig) -> Tensor | None:
    return torch.randint(5, 100, (BATCH, 5)) if getattr(config, "is_encoder_decoder", False) else None


def image(config: PreTrainedConfig) -> Tensor:
    size = getattr(part(config, "image_size"), "image_size", 32)
    size = size["height"] if isinstance(size, dict) else size
    height, width = size if isinstance(size, list | tuple) and len(size) == 2 else (size, size)
    shape = (number(config, "num_channels", "in_channels", "in_chans", default=3), int(height), int(width))
    return torch.randn(BATCH, *shape)


def patches(config: PreTrainedConfig) -> Tensor:
    side = number(config, "patch_size", "spatial_patch_size", default=8)
    time = number(config, "temporal_patch_size", default=1)
    channels = number(config, "in_channels", "num_channels", "in_chans", default=3)
    return torch.randn(BATCH * GRID[0] * GRID[1] * GRID[2], channels * time * side * side)


def grid(config: PreTrainedConfig) -> Tensor:
    return torch.tensor([GRID] * BATCH)


def image_sizes(config: PreTrainedConfig) -> Tensor:
    return torch.tensor([image(config).shape[-2:]] * BATCH)


def merge_sizes(config: PreTrainedConfig) -> Tensor:
    return torch.tensor([1] * BATCH)


def video(config: PreTrainedConfig) -> Tensor:
    still = image(config)
    return torch.randn(BATCH, number(config, "num_frames", "frames_per_clip", default=FRAMES), *still.shape[1:])


def bins_of(config: PreTrainedConfig) -> int:
    names = ("num_mel_bins", "input_feat_per_channel", "feature_size", "num_mels", "n_mels", "input_dim")
    return number(config, *names, default=16)


def features(config: PreTrainedConfig) -> Tensor:
    return torch.randn(BATCH, bins_of(config), 2 * number(config, "max_source_positions", default=32))


def frames_first(config: PreTrainedConfig) -> Tensor:
    return torch.randn(BATCH, 64, bins_of(config))


def spectrogram(config: PreTrainedConfig) -> Tensor:
    return torch.randn(BATCH, number(config, "max_length", default=64), bins_of(config))


def features_mask(config: PreTrainedConfig) -> Tensor:
    return torch.ones(BATCH, 2 * number(config, "max_source_positions", default=32), dtype=torch.long)


def past(config: PreTrainedConfig) -> Tensor:
    length = number(config, "context_length", default=64)
    channels = number(config, "num_input_channels", default=1)
    return torch.randn(BATCH, length, channels)


def sound(config: PreTrainedConfig) -> Tensor:
    return torch.randn(BATCH, WAVE)


def boxes(config: PreTrainedConfig) -> Tensor:
    corners = torch.randint(0, 100, (BATCH, LENGTH, 2, 2)).sort(2).values
    return corners.flatten(2)


COMPANIONS = ("bbox", "spatial_shapes")
# What else an input of this name can look like.
OTHERS: dict[str, list[Callable[[PreTrainedConfig], Tensor]]] = {
    "input_features": [frames_first, lambda config: features(config).unsqueeze(1)],
    "input_values": [lambda config: sound(config).unsqueeze(1), lambda config: spectrogram(config)],
    "pixel_values": [video, patches],
}
MAKERS: dict[str, Callable[[PreTrainedConfig], Tensor | None]] = {
    "input_ids": text,
    "attention_mask": ones,
    "token_type_ids": zeros,
    "mm_token_type_ids": zeros,
    "decoder_input_ids": decoder_text,
    "pixel_values": image,
    "image_grid_thw": grid,
    "grid_thw": grid,
    "image_sizes": image_sizes,
    "image_merge_sizes": merge_sizes,
    "merge_sizes": merge_sizes,
    "pixel_values_videos": video,
    "input_features": features,
    "input_values": sound,
    "bbox": boxes,
    "input_features_mask": features_mask,
    "past_values": past,
}
