"""INC's transforms of an image, on Pillow and torch alone: each function makes one of its settings."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from inc_hf.config.checks import check_choice
from inc_hf.errors import UsageError, UsageTypeError

Step = Callable[[Any], Any]
Size = int | Sequence[int]  # of a side, or height and width
BILINEAR = "bilinear"
METHODS = ("nearest", BILINEAR, "bicubic")


def resize(size: Size, interpolation: str = BILINEAR) -> Step:
    """One number is the shorter side, two are height and width."""
    sides, method = _sides(size), _method(interpolation)

    def step(image: Any) -> Image.Image:
        width, height = _image(image).size
        if len(sides) > 1:
            height, width = sides
        elif width <= height:
            width, height = sides[0], int(sides[0] * height / width)
        else:
            width, height = int(sides[0] * width / height), sides[0]
        return image.resize((max(width, 1), max(height, 1)), method)

    return step


def center_crop(size: Size) -> Step:
    """The middle; what is missing of it is black."""
    height, width = _height_and_width(size)

    def step(image: Any) -> Image.Image:
        left, top = round((_image(image).width - width) / 2), round((image.height - height) / 2)
        return image.crop((left, top, left + width, top + height))

    return step


def random_crop(size: Size) -> Step:
    """A part of that size from anywhere."""
    height, width = _height_and_width(size)

    def step(image: Any) -> Image.Image:
        left = random.randint(0, max(_image(image).width - width, 0))
        top = random.randint(0, max(image.height - height, 0))
        return image.crop((left, top, left + width, top + height))

    return step


def random_resized_crop(
    size: Size,
    scale: Sequence[float] = (0.08, 1.0),
    ratio: Sequence[float] = (3 / 4, 4 / 3),
    interpolation: str = BILINEAR,
) -> Step:
    """A part of the area between the two of `scale` and of a form between the two of `ratio`, as large as `size`."""
    height, width = _height_and_width(size)
    method = _method(interpolation)

    def step(image: Any) -> Image.Image:
        area = _image(image).width * image.height * random.uniform(*scale)
        form = np.exp(random.uniform(*np.log(ratio)))
        wide = min(max(round((area * form) ** 0.5), 1), image.width)
        high = min(max(round((area / form) ** 0.5), 1), image.height)
        left, top = random.randint(0, image.width - wide), random.randint(0, image.height - high)
        return image.resize((width, height), method, box=(left, top, left + wide, top + high))

    return step


def crop_resize(x: int, y: int, width: int, height: int, size: Size, interpolation: str = BILINEAR) -> Step:
    """The part at `x` and `y`, as large as `size`."""
    target, method = _height_and_width(size)[::-1], _method(interpolation)
    return lambda image: _image(image).resize(target, method, box=(x, y, x + width, y + height))


def crop_to_bounding_box(offset_height: int, offset_width: int, target_height: int, target_width: int) -> Step:
    """The part that begins at the offsets."""
    box = (offset_width, offset_height, offset_width + target_width, offset_height + target_height)
    return lambda image: _image(image).crop(box)


def random_horizontal_flip() -> Step:
    """Every second image the other way round."""
    return lambda image: ImageOps.mirror(_image(image)) if random.random() < 0.5 else image


def random_vertical_flip() -> Step:
    """Every second image upside down."""
    return lambda image: ImageOps.flip(_image(image)) if random.random() < 0.5 else image


def to_tensor() -> Step:
    """An image as a float tensor of shape `(channels, height, width)` in [0, 1]; an array as a tensor."""

    def step(image: Any) -> Tensor:
        if isinstance(image, Tensor):
            return image
        values = np.asarray(image)
        values = values[..., None] if values.ndim == 2 else values
        tensor = torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))
        return tensor.float() / 255 if tensor.dtype == torch.uint8 else tensor

    return step


def to_pil_image() -> Step:
    """A tensor of shape `(channels, height, width)`, in [0, 1] if it is of floats, or an array, as an image."""

    def step(value: Any) -> Image.Image:
        if isinstance(value, Tensor):
            value = (value * 255).round().to(torch.uint8) if value.is_floating_point() else value
            value = value.numpy().transpose(1, 2, 0)
        return Image.fromarray(np.squeeze(value))

    return step


def normalize(mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,)) -> Step:
    """The mean of each channel, or of all, becomes 0, the standard deviation 1."""
    if any(value == 0 for value in std):
        raise UsageError(f"`std` of Normalize must not have a 0, got {list(std)}.")
    means, deviations = (torch.tensor(values).view(-1, 1, 1) for values in (mean, std))
    return lambda image: (_tensor(image) - means) / deviations


def transpose(perm: Sequence[int]) -> Step:
    """A tensor with its axes in another order."""
    return lambda image: _tensor(image).permute(*perm)


def to_array() -> Step:
    """An image or a tensor as an array."""
    return lambda image: image.numpy() if isinstance(image, Tensor) else np.asarray(image)


def cast(dtype: str = "float32") -> Step:
    """A tensor in another dtype."""
    kind = getattr(torch, dtype, None)
    if not isinstance(kind, torch.dtype):
        raise UsageError(f"`dtype` of Cast must be a dtype of torch, such as float32, got {dtype!r}.")
    return lambda image: _tensor(image).to(kind)


STEPS: dict[str, Callable[..., Step]] = {
    "Cast": cast,
    "CenterCrop": center_crop,
    "CropResize": crop_resize,
    "CropToBoundingBox": crop_to_bounding_box,
    "Normalize": normalize,
    "RandomCrop": random_crop,
    "RandomHorizontalFlip": random_horizontal_flip,
    "RandomResizedCrop": random_resized_crop,
    "RandomVerticalFlip": random_vertical_flip,
    "Resize": resize,
    "ToArray": to_array,
    "ToPILImage": to_pil_image,
    "ToTensor": to_tensor,
    "Transpose": transpose,
}


def _image(image: Any) -> Image.Image:
    if isinstance(image, Image.Image):
        return image
    raise UsageTypeError(
        f"This transform takes an image of Pillow, got {type(image).__name__}; it stands before ToTensor."
    )


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    raise UsageTypeError(f"This transform takes a tensor, got {type(value).__name__}; put ToTensor before it.")


def _sides(size: Size) -> list[int]:
    sides = [size] if isinstance(size, int) else list(size)
    if len(sides) in (1, 2):
        return sides
    raise UsageError(f"`size` is one number, or height and width, got {size!r}.")


def _height_and_width(size: Size) -> tuple[int, int]:
    sides = _sides(size)
    return sides[0], sides[-1]


def _method(interpolation: str) -> Image.Resampling:
    return Image.Resampling[check_choice("interpolation", interpolation, METHODS).upper()]
