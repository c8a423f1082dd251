"""INC's transforms of images, without torchvision."""

import numpy as np
import pytest
import torch
from PIL import Image

from inc_hf.built_in.pillow import STEPS
from inc_hf.built_in.transforms import OF_PILLOW
from inc_hf.errors import UsageError

PIXELS = np.random.RandomState(0).randint(0, 255, (8, 10, 3), dtype=np.uint8)
IMAGE = Image.fromarray(PIXELS)
# name -> settings, and the size of the result, width first
OF_AN_IMAGE = {
    "Resize": ({"size": 4}, (5, 4)),
    "Resize to height and width": ({"size": [4, 6], "interpolation": "bicubic"}, (6, 4)),
    "CenterCrop": ({"size": [6]}, (6, 6)),
    "RandomResizedCrop": ({"size": 5}, (5, 5)),
    "RandomCrop": ({"size": [4, 5]}, (5, 4)),
    "CropResize": ({"x": 1, "y": 0, "width": 4, "height": 3, "size": 7}, (7, 7)),
    "CropToBoundingBox": ({"offset_height": 1, "offset_width": 2, "target_height": 3, "target_width": 4}, (4, 3)),
    "RandomHorizontalFlip": ({}, (10, 8)),
    "RandomVerticalFlip": ({}, (10, 8)),
}


@pytest.mark.parametrize("name, settings, size", [(k, *v) for k, v in OF_AN_IMAGE.items()], ids=OF_AN_IMAGE)
def test_sizes(name, settings, size):
    step = STEPS[name.split(" ")[0]](**settings)
    assert step(IMAGE).size == size
    with pytest.raises(UsageError, match="takes an image of Pillow, got Tensor; it stands before ToTensor"):
        for _ in range(50):  # a flip looks at what it flips only
            step(torch.zeros(3, 4, 4))


def test_parts():
    assert (np.asarray(STEPS["CenterCrop"](4)(IMAGE)) == PIXELS[2:6, 3:7]).all()
    box = {"offset_height": 1, "offset_width": 2, "target_height": 3, "target_width": 4}
    assert (np.asarray(STEPS["CropToBoundingBox"](**box)(IMAGE)) == PIXELS[1:4, 2:6]).all()
    flips = {STEPS["RandomHorizontalFlip"]()(IMAGE).tobytes() for _ in range(50)}
    assert flips == {PIXELS.tobytes(), PIXELS[:, ::-1].tobytes()}


def test_tensors():
    tensor = STEPS["ToTensor"]()(IMAGE)
    torch.testing.assert_close(tensor, torch.from_numpy(PIXELS.transpose(2, 0, 1) / 255).float())
    assert STEPS["ToTensor"]()(tensor) is tensor
    assert (np.asarray(STEPS["ToPILImage"]()(tensor)) == PIXELS).all()
    assert (STEPS["ToArray"]()(IMAGE) == PIXELS).all() and (STEPS["ToArray"]()(tensor) == tensor.numpy()).all()
    assert torch.equal(STEPS["Normalize"](mean=[0.5], std=[0.25])(tensor), (tensor - 0.5) / 0.25)
    assert torch.equal(STEPS["Transpose"]([1, 2, 0])(tensor), tensor.permute(1, 2, 0))
    assert STEPS["Cast"]("float16")(tensor).dtype == torch.float16
    for name, settings in (("Normalize", {}), ("Transpose", {"perm": [0]}), ("Cast", {})):
        with pytest.raises(UsageError, match="takes a tensor, got Image; put ToTensor before it"):
            STEPS[name](**settings)(IMAGE)


def test_wrong_settings():
    assert sorted(STEPS) == sorted(OF_PILLOW)
    for name, settings, message in (
        ("Normalize", {"std": [1.0, 0.0]}, "`std` of Normalize must not have a 0"),
        ("Cast", {"dtype": "text"}, "`dtype` of Cast must be a dtype of torch"),
        ("Resize", {"size": [1, 2, 3]}, "`size` is one number, or height and width"),
        ("Resize", {"size": 4, "interpolation": "cubic"}, "`interpolation` must be one of nearest, bilinear, bicubic"),
    ):
        with pytest.raises(UsageError, match=message):
            STEPS[name](**settings)
