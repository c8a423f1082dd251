"""The forward of a model of images."""

from typing import Any

import torch
from torch import Tensor

from inc_hf.inference.encoder.forward import EncoderForward
from inc_hf.inference.encoder.rows import Rows, rows_of


class ImageForward(EncoderForward):
    """As `EncoderForward`; every image has as many rows."""

    inputs = ("pixel_values", "bool_masked_pos", "interpolate_pos_encoding")

    def takes_inputs(self, given: dict[str, Any]) -> bool:
        pixels = given.get("pixel_values")
        if not isinstance(pixels, Tensor) or not pixels.is_cpu or pixels.dim() != 4 or pixels.numel() == 0:
            return False
        return pixels.dtype == torch.float32 and not (pixels.requires_grad and torch.is_grad_enabled())

    def entering(self, given: dict[str, Any]) -> tuple[Tensor, Rows]:
        hidden = self.family.images(self.model, {name: given[name] for name in self.inputs if name in given})
        return hidden.flatten(0, 1), rows_of(*hidden.shape[:2], None)
