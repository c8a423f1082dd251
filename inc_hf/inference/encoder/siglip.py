"""SigLIP's two towers, whose layers are CLIP's. Its texts look in both directions, and end where their batch does."""

from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.inference.encoder.clip import embed, layers_of, pooling
from inc_hf.inference.encoder.family import Family, buffered_positions, embedded_images


def last(model: nn.Module, input_ids: Tensor) -> Tensor:
    return torch.full((len(input_ids),), input_ids.shape[1] - 1)


def text_result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    hidden = model.final_layer_norm(hidden)
    return pooling(hidden, model.head(hidden[:, -1]))


def image_result(model: nn.Module, hidden: Tensor, given: dict[str, Any]) -> Any:
    hidden = model.post_layernorm(hidden)
    return pooling(hidden, model.head(hidden) if model.use_head else None)


SIGLIP_TEXT = Family(
    ("SiglipTextModel",),
    layers_of,
    embed,
    buffered_positions,
    text_result,
    norm_place="before",
    pooled_at=last,
    norms_last=False,
)
SIGLIP_VISION = Family(
    ("SiglipVisionModel",),
    layers_of,
    images=embedded_images,
    result=image_result,
    norm_place="before",
    norms_last=False,
)
