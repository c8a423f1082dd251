"""Inputs of all modalities that a model takes, of real sizes: images, sound, boxes and text together.

A model for images and text runs on text alone as well, and its tower for images would then look unused.
"""

import inspect
from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from inc_hf.models.sizes import audio_size, channels, first_int, frames_of_video, image_size, vision_config

Batch = dict[str, Tensor]
TEXT_LENGTH = 128
IMAGE_SIZE = 224  # where a config does not say it
# Arguments that make a model run parts which it leaves out without them.
MODALITIES = ("input_ids", "pixel_values", "pixel_values_videos", "input_features", "input_values")
MODALITIES += ("visual_embeds", "visual_feats")


def lacking(model: PreTrainedModel, batch: Batch) -> list[str]:
    """The modalities that the model takes, but that are not in the batch; videos go where images go."""
    absent = [name for name in MODALITIES if name in arguments(model) and name not in batch]
    return [name for name in absent if name != "pixel_values_videos" or "pixel_values" not in batch]


def with_all_modalities(model: PreTrainedModel, batch: Batch, ids: Tensor) -> Batch:
    """`batch`, with text of a real length if it has some, and with all that the model takes besides.

    Args:
        ids (`torch.Tensor` of shape `(1, 8)`): a short text.
    """
    names, batch = arguments(model), dict(batch)
    if "input_ids" in names:
        batch["input_ids"] = longer(batch.get("input_ids", ids), model.config)
    for name, make in MAKERS.items():
        if name in names and (name not in batch or name in OWN_FORMS):
            made = make(model, batch)
            batch.update({} if made is None else {name: made})
    if "input_ids" in batch:
        _mark_places(model, batch)
        if "attention_mask" in names:
            batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    return batch


def longer(ids: Tensor, config: Any) -> Tensor:
    """A short text made as long as real ones are, where the model has as many positions."""
    text = config.get_text_config()
    counts = [getattr(text, name, None) for name in ("max_position_embeddings", "n_positions")]
    # 8 less than there are: RoBERTa begins to count behind its padding
    room = min([TEXT_LENGTH, *(max(count - 8, 8) for count in counts if isinstance(count, int))])
    times = max(1, (room - 1) // (ids.shape[-1] - 1))
    return torch.cat([ids[..., :-1].repeat_interleave(times, -1), ids[..., -1:]], -1)


def image(model: PreTrainedModel, batch: Batch) -> Tensor:
    """`(1, channels, height, width)`; a video has its frames before these, patches of Qwen's models are rows."""
    vision, names = vision_config(model.config), arguments(model)
    if "image_grid_thw" in names:
        pixels = channels(vision) * vision.temporal_patch_size * vision.patch_size**2
        return gray(model, int(image_grid(model, batch).prod()), pixels)
    height, width = image_size(vision, IMAGE_SIZE)
    if video := frames_of_video(model, vision):
        return gray(model, 1, *video, channels(vision), height, width)
    if tiles := getattr(model.config, "image_grid_pinpoints", None):
        count = 1 + (tiles[0][0] // height) * (tiles[0][1] // width)
        return gray(model, 1, count, channels(vision), height, width)
    several = [1] if "pixel_attention_mask" in names and vision is not model.config else []
    return gray(model, 1, *several, channels(vision), height, width)


def gray(model: PreTrainedModel, *shape: int) -> Tensor:
    """Nothing but ones: some models take an image of zeros for padding."""
    return torch.ones(shape, dtype=model.dtype)


def image_grid(model: PreTrainedModel, batch: Batch) -> Tensor:
    side = 4 * (first_int(vision_config(model.config), "spatial_merge_size") or 1)
    return torch.tensor([[1, side, side]])


def sizes_of_images(model: PreTrainedModel, batch: Batch) -> Tensor | None:
    """Only for those which cannot do without: others take it for what was padded."""
    get = getattr(model, "get_image_features", None)
    wanted = inspect.signature(get).parameters.get("image_sizes") if get else None
    if wanted is None or wanted.default is not wanted.empty:
        return None
    tiles = getattr(model.config, "image_grid_pinpoints", None)
    return torch.tensor([list(tiles[0]) if tiles else list(batch["pixel_values"].shape[-2:])])


def video(model: PreTrainedModel, batch: Batch) -> Tensor | None:
    if "pixel_values" in arguments(model):
        return None  # it goes where images go
    vision = vision_config(model.config)
    count = first_int(vision, "frames_per_clip", "num_frames") or 2
    return gray(model, 1, count, channels(vision), *image_size(vision, IMAGE_SIZE))


def spectrogram(model: PreTrainedModel, batch: Batch) -> Tensor | None:
    """`(1, bins, frames)` of Whisper's encoder, which many models have inside; CLAP's is an image."""
    if size := audio_size(model):
        return torch.zeros(1, 1, *size, dtype=model.dtype)
    audio = getattr(model.config, "audio_config", model.config)
    bins, frames = first_int(audio, "num_mel_bins", "n_mels"), first_int(audio, "max_source_positions")
    return None if bins is None else torch.zeros(1, bins, 2 * (frames or 50), dtype=model.dtype)


def sound(model: PreTrainedModel, batch: Batch) -> Tensor | None:
    """A second of sound, or the spectrogram `(1, frames, bins)` of audio spectrogram transformers."""
    bins, frames = (first_int(model.config, name) for name in ("num_mel_bins", "max_length"))
    is_spectrogram = bins is not None and frames is not None and hasattr(model.config, "frequency_stride")
    return torch.zeros(1, frames, bins, dtype=model.dtype) if is_spectrogram else batch.get("input_values")


def boxes(model: PreTrainedModel, batch: Batch) -> Tensor | None:
    """A box for each token."""
    return torch.zeros(*batch["input_ids"].shape, 4, dtype=torch.long) if "input_ids" in batch else None


def prompt_boxes(model: PreTrainedModel, batch: Batch) -> Tensor | None:
    """One box in the image."""
    return torch.tensor([[[0.0, 0.0, 8.0, 8.0]]]) if "input_points" in arguments(model) else None


def regions(size: str) -> Callable[[PreTrainedModel, Batch], Tensor | None]:
    """Features of four regions of an image, of the size that the config calls so."""

    def make(model: PreTrainedModel, batch: Batch) -> Tensor | None:
        width = first_int(model.config, size)
        return None if width is None else torch.zeros(1, 4, width, dtype=model.dtype)

    return make


def ones_of(name: str) -> Callable[[PreTrainedModel, Batch], Tensor | None]:
    """A mask for the last dimension of another input."""

    def make(model: PreTrainedModel, batch: Batch) -> Tensor | None:
        return torch.ones(1, batch[name].shape[-1], dtype=torch.long) if name in batch else None

    return make


# The name of an argument -> what to give, or None; in this order, since some look at those before them.
MAKERS: dict[str, Callable[[PreTrainedModel, Batch], Tensor | None]] = {
    "pixel_values": image,
    "pixel_values_videos": video,
    "image_grid_thw": image_grid,
    "image_sizes": sizes_of_images,
    "input_features": spectrogram,
    "feature_attention_mask": ones_of("input_features"),
    "input_values": sound,
    "bbox": boxes,
    "visual_feats": regions("visual_feat_dim"),
    "visual_pos": regions("visual_pos_dim"),
    "visual_embeds": regions("visual_embedding_dim"),
    "input_boxes": prompt_boxes,
}
OWN_FORMS = ("pixel_values", "input_values")  # whose form hangs on more than their name


def _mark_places(model: PreTrainedModel, batch: Batch) -> None:
    """Put a token into the text for each of the features that an image or a sound becomes."""
    for kind, name in (("image", "pixel_values"), ("audio", "input_features")):
        token = first_int(model.config, f"{kind}_token_id", f"{kind}_token_index")
        if name in batch and token is not None:
            ids = batch["input_ids"][batch["input_ids"] != token].unsqueeze(0)
            places = torch.full((1, count_features(model, batch, kind, name)), token)
            batch["input_ids"] = torch.cat([ids[:, :1], places, ids[:, 1:]], 1)
            if "mm_token_type_ids" in arguments(model):  # 1 says image
                batch["mm_token_type_ids"] = (batch["input_ids"] == token).long()


def count_features(model: PreTrainedModel, batch: Batch, kind: str, name: str) -> int:
    """How many rows the tower gives for its input; 1 for models that find that out themselves."""
    owners = (model, getattr(model, "model", None))
    get = next((f for owner in owners if (f := getattr(owner, f"get_{kind}_features", None))), None)
    if get is None:
        return 1
    wanted = inspect.signature(get).parameters
    features = get(batch[name], **{key: batch[key] for key in batch if key in wanted and key != name})
    features = getattr(features, "pooler_output", features)
    rows = [features] if isinstance(features, Tensor) else [t for t in features if isinstance(t, Tensor)]
    return sum(tensor.numel() // tensor.shape[-1] for tensor in rows)


def arguments(module: nn.Module) -> Collection[str]:
    return inspect.signature(module.forward).parameters
