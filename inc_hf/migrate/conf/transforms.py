"""The transforms of 1.X for PyTorch models, on images of Pillow and on tensors, without torchvision."""

import random
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.migrate.conf.fields import Named

if TYPE_CHECKING:
    from PIL.Image import Image

Step = Callable[[Any], Any]
BILINEAR = "bilinear"


def _image(image: Any) -> "Image":
    from PIL import Image

    if isinstance(image, Image.Image):
        return image
    raise UsageTypeError(
        f"This transform takes an image of Pillow, got {type(image).__name__}; it stands before ToTensor."
    )


def _tensor(value: Any) -> Tensor:
    if isinstance(value, Tensor):
        return value
    raise UsageTypeError(f"This transform takes a tensor, got {type(value).__name__}; put ToTensor before it.")


def _pair(size: Sequence[int]) -> tuple[int, int]:
    """Height and width."""
    return (size[0], size[0]) if len(size) == 1 else (size[0], size[1])


def _filter(interpolation: str) -> Any:
    from PIL import Image

    return getattr(Image.Resampling, interpolation.upper())


def resize(size: Sequence[int], interpolation: str = BILINEAR) -> Step:
    """One number is the shorter side, two are height and width."""

    def step(image: Any) -> Any:
        width, height = _image(image).size
        if len(size) > 1:
            height, width = size[0], size[1]
        elif width <= height:
            width, height = size[0], int(size[0] * height / width)
        else:
            width, height = int(size[0] * width / height), size[0]
        return image.resize((max(width, 1), max(height, 1)), _filter(interpolation))

    return step


def center_crop(size: Sequence[int]) -> Step:
    height, width = _pair(size)

    def step(image: Any) -> Any:
        left, top = round((_image(image).width - width) / 2), round((image.height - height) / 2)
        return image.crop((left, top, left + width, top + height))

    return step


def random_crop(size: Sequence[int]) -> Step:
    height, width = _pair(size)

    def step(image: Any) -> Any:
        left = random.randint(0, max(_image(image).width - width, 0))
        top = random.randint(0, max(image.height - height, 0))
        return image.crop((left, top, left + width, top + height))

    return step


def random_resized_crop(
    size: Sequence[int],
    scale: Sequence[float] = (0.08, 1.0),
    ratio: Sequence[float] = (3 / 4, 4 / 3),
    interpolation: str = BILINEAR,
) -> Step:
    """A part of the area between the two of `scale` and of a form between the two of `ratio`, as large as `size`."""
    height, width = _pair(size)

    def step(image: Any) -> Any:
        area = _image(image).width * image.height * random.uniform(*scale)
        form = np.exp(random.uniform(*np.log(ratio)))
        wide = min(max(round((area * form) ** 0.5), 1), image.width)
        high = min(max(round((area / form) ** 0.5), 1), image.height)
        left, top = random.randint(0, image.width - wide), random.randint(0, image.height - high)
        return image.resize((width, height), _filter(interpolation), box=(left, top, left + wide, top + high))

    return step


def crop_resize(x: int, y: int, width: int, height: int, size: Sequence[int], interpolation: str = BILINEAR) -> Step:
    target = _pair(size)[::-1]
    return lambda image: _image(image).resize(target, _filter(interpolation), box=(x, y, x + width, y + height))


def crop_to_bounding_box(offset_height: int, offset_width: int, target_height: int, target_width: int) -> Step:
    box = (offset_width, offset_height, offset_width + target_width, offset_height + target_height)
    return lambda image: _image(image).crop(box)


def random_horizontal_flip() -> Step:
    from PIL import ImageOps

    return lambda image: ImageOps.mirror(_image(image)) if random.random() < 0.5 else image


def random_vertical_flip() -> Step:
    from PIL import ImageOps

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
    from PIL import Image

    def step(value: Any) -> Any:
        if isinstance(value, Tensor):
            value = (value * 255).round().to(torch.uint8) if value.is_floating_point() else value
            value = value.numpy().transpose(1, 2, 0)
        return Image.fromarray(np.squeeze(value))

    return step


def normalize(mean: Sequence[float] = (0.0,), std: Sequence[float] = (1.0,)) -> Step:
    if any(value == 0 for value in std):
        raise UsageError(f"`std` of Normalize must not have a 0, got {list(std)}.")

    def step(image: Any) -> Tensor:
        shape = (-1, 1, 1)
        tensor = _tensor(image)
        return (tensor - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape)

    return step


def transpose(perm: Sequence[int]) -> Step:
    return lambda image: _tensor(image).permute(*perm)


def to_array() -> Step:
    return lambda image: image.numpy() if isinstance(image, Tensor) else np.asarray(image)


def cast(dtype: str = "float32") -> Step:
    """A tensor in another dtype."""
    kind = getattr(torch, dtype, None)
    if not isinstance(kind, torch.dtype):
        raise UsageError(f"`dtype` of Cast must be a dtype of torch, such as float32, got {dtype!r}.")
    return lambda image: _tensor(image).to(kind)


TRANSFORMS: dict[str, Callable[..., Step]] = {
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


def composed(transforms: Sequence[Named]) -> Step | None:
    """All of them after each other; None if there are none."""
    steps = [TRANSFORMS[each.name](**each.args) for each in transforms]

    def apply(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return apply if steps else None
