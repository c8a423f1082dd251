"""Images in one folder for each class: INC's "ImageFolder"."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from inc_hf.config.arguments import check_path
from inc_hf.errors import UsageError, usage_error_for

ENDINGS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")


class ImageFolder(Dataset):
    """Pairs of an image (Pillow's, in RGB) and the number of its class: that of its folder among all, sorted by name.

    Args:
        root: a directory, `root/NAME_OF_CLASS/any/path.png`.
        transform (*optional*): a function of the pair, as those of [`TRANSFORMS`] are.
        filter: not used.
    """

    def __init__(self, root: str | os.PathLike, transform: Callable | None = None, filter: Any = None):
        check_path("root", root)
        if not Path(root).is_dir():
            raise FileNotFoundError(f"There is no directory {os.fspath(root)!r}; give one with a folder per class.")
        try:
            from PIL import Image  # comes with torchvision and sentence-transformers; is no dependency of ours
        except ImportError as error:
            raise ImportError("Reading images needs Pillow: pip install pillow") from error
        self.open, self.transform = Image.open, transform
        self.classes = sorted(path.name for path in Path(root).iterdir() if path.is_dir())
        self.samples = [
            (path, number)
            for number, name in enumerate(self.classes)
            for path in sorted((Path(root) / name).rglob("*"))
            if path.suffix.lower() in ENDINGS
        ]
        if not self.samples:
            raise UsageError(f"{os.fspath(root)} has no images in folders; lay them out as {root}/CLASS/image.png.")

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        path, label = self.samples[index]
        with usage_error_for(f"{path} cannot be read as an image"), self.open(path) as image:
            pair = image.convert("RGB"), label
        return pair if self.transform is None else self.transform(pair)
