"""INC's transforms by name, and those that a script has added: functions of a pair, a sample and its label."""

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from inc_hf.config.checks import check_choice, did_you_mean
from inc_hf.config.elsewhere import check_framework, check_one_framework
from inc_hf.errors import UsageError

PROCESSES = ("preprocess", "postprocess", "general")
# Transforms of an image, the first of a pair: of torchvision where it is installed, otherwise of `pillow.py`.
IN_BOTH = (
    "CenterCrop", "Normalize", "RandomCrop", "RandomHorizontalFlip", "RandomResizedCrop", "RandomVerticalFlip",
    "Resize", "ToPILImage", "ToTensor",
)  # fmt: skip
OF_TORCHVISION = (*IN_BOTH, "ColorJitter", "Pad")
OF_PILLOW = (*IN_BOTH, "Cast", "CropResize", "CropToBoundingBox", "ToArray", "Transpose")


class BaseTransform:
    """What a transform of one's own inherits from: it is called with a pair, and returns one."""

    def __call__(self, sample: Any) -> Any:
        raise NotImplementedError


class ComposeTransform(BaseTransform):
    """Transforms one after the other."""

    def __init__(self, transform_list: Iterable[Callable]):
        self.transform_list = list(transform_list)

    def __call__(self, sample: Any) -> Any:
        for transform in self.transform_list:
            sample = transform(sample)
        return sample


class LabelShift(BaseTransform):
    """Takes `label_shift` from the number of each class, where those of the labels and of the model differ."""

    def __init__(self, label_shift: int = 0):
        self.label_shift = label_shift

    def __call__(self, sample: tuple[Any, Any]) -> tuple[Any, Any]:
        images, labels = sample
        if isinstance(labels, list | tuple):
            return images, type(labels)(label - self.label_shift for label in labels)
        return images, labels - self.label_shift


class OfFirst(BaseTransform):
    """A transform of the first of a pair, the image."""

    def __init__(self, transform: Callable):
        self.transform = transform

    def __call__(self, sample: tuple[Any, Any]) -> tuple[Any, Any]:
        image, label = sample
        return self.transform(image), label


def of_image(name: str) -> Callable[..., OfFirst]:
    """What makes that transform of an image."""
    return lambda *args, **kwargs: OfFirst(_class_of(name)(*args, **kwargs))


def of_pillow(name: str) -> Callable[..., Callable]:
    """What makes that transform without torchvision, so that its numbers do not hang on what is installed.

    Raises:
        ImportError: Pillow is not installed.
    """
    try:
        from inc_hf.built_in.pillow import STEPS
    except ImportError as error:
        raise ImportError(f"The transform {name!r} needs Pillow: pip install pillow") from error
    return STEPS[name]


def _class_of(name: str) -> Callable[..., Callable]:
    if name in OF_TORCHVISION:
        try:
            return getattr(importlib.import_module("torchvision.transforms"), name)
        except ImportError as error:
            if name not in OF_PILLOW:
                raise ImportError(f"The transform {name!r} needs torchvision: pip install torchvision") from error
    return of_pillow(name)


OF_IMAGES = {name: of_image(name) for name in sorted({*OF_TORCHVISION, *OF_PILLOW})}
REGISTERED: dict[str, dict[str, Any]] = {
    "preprocess": {"Compose": ComposeTransform, **OF_IMAGES},
    "postprocess": {"Compose": ComposeTransform, "LabelShift": LabelShift},
    "general": {"Compose": ComposeTransform},
}


class TRANSFORMS:
    """What makes transforms, by name: `TRANSFORMS("pytorch", "preprocess")["Resize"](256)`."""

    def __init__(self, framework: str, process: str):
        check_framework(framework)
        self.transforms = REGISTERED[check_choice("process", process, PROCESSES)]
        self.process = process

    def __getitem__(self, transform_type: str) -> Any:
        if transform_type not in self.transforms:
            raise UsageError(
                f"There is no transform {transform_type!r} of {self.process}, only {', '.join(self.transforms)}"
                f"{did_you_mean(str(transform_type), self.transforms)} Do it in the dataset that you pass."
            )
        return self.transforms[transform_type]

    def register(self, name: str, transform_cls: Any) -> None:
        """Add a transform of one's own, or put it in the place of another."""
        self.transforms[name] = transform_cls


def transform_registry(transform_type: str, process: str, framework: str) -> Callable[[type], type]:
    """A decorator that adds a class to the transforms of the processes and frameworks, such as "pytorch, mxnet"."""
    check_one_framework(framework)
    places = [REGISTERED[check_choice("process", name.strip(), PROCESSES)] for name in process.split(",")]

    def add(cls: type) -> type:
        for place in places:
            if transform_type in place:
                raise UsageError(f"There is a transform {transform_type!r} already; choose another name.")
            place[transform_type] = cls
        return cls

    return add


class Postprocess:
    """INC's description of what is done to outputs before a metric sees them: a class, or the name of a transform."""

    def __init__(self, postprocess_cls: Any = None, name: str = "user_postprocess", **kwargs: Any):
        self.postprocess_cls, self.name, self.kwargs = postprocess_cls, name, kwargs
