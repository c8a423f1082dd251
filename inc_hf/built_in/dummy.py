"""Random data of given shapes: INC's "dummy" and "dummy_v2"."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from torch.utils.data import Dataset, IterableDataset

from inc_hf.config.checks import check_choice, check_int, wrong_type
from inc_hf.errors import UsageError

SEED = 9527  # INC's, whatever the seed of the process
DTYPES = ("float32", "float16", "uint8", "int8", "int32", "int64", "bool")
Shape = tuple[int, ...]


class DummyDataset(Dataset):
    """Samples of random numbers between `low` and `high`, the same ones each time, with 0 as their label.

    Args:
        shape: `(samples, ...)`; of several inputs a list of shapes that all have as many samples.
        low, high (`float`), dtype (`str`): of all inputs, or a list of one for each.
        label (`bool`, *optional*, defaults to `True`): whether a sample comes with the label 0.
        transform, filter: not used, as in INC.
    """

    def __init__(
        self,
        shape: Shape | list[Shape],
        low: float | list[float] = -128.0,
        high: float | list[float] = 127.0,
        dtype: str | list[str] = "float32",
        label: bool = True,
        transform: Callable | None = None,
        filter: Any = None,
    ):
        shapes = shapes_of("shape", shape)
        if len({shape[0] for shape in shapes}) != 1:
            raise UsageError(f"The first number of each shape is how many samples there are; got several: {shape}.")
        generator = np.random.RandomState(SEED)
        draws = draws_of(shapes, low, high, dtype)
        self.dataset = [draw(generator) for draw in draws]
        self.label = label

    def __len__(self) -> int:
        return len(self.dataset[0])

    def __getitem__(self, index: int) -> Any:
        parts = tuple(part[index] for part in self.dataset)
        sample = parts[0] if len(parts) == 1 else parts
        return (sample, 0) if self.label else sample


class DummyStream(IterableDataset):
    """A stream of random samples, with random labels if `label_shape` says how they look.

    Args:
        input_shape: of one sample; of several inputs a list of shapes.
        label_shape (*optional*): the same of the labels. None is none.
        low, high (`float`), dtype (`str`): of all, or a list of one for each input, and then for each label.
        transform, filter: not used, as in INC.
        samples (`int`, *optional*, defaults to 1024): how many there are; INC's stream never ended.
    """

    def __init__(
        self,
        input_shape: Shape | list[Shape],
        label_shape: Shape | list[Shape] | None = None,
        low: float | list[float] = -128.0,
        high: float | list[float] = 127.0,
        dtype: str | list[str] = "float32",
        transform: Callable | None = None,
        filter: Any = None,
        samples: int = 1024,
    ):
        inputs = shapes_of("input_shape", input_shape)
        labels = [] if label_shape is None else shapes_of("label_shape", label_shape)
        self.samples, self.inputs = check_int("samples", samples, low=1), len(inputs)
        self.draws = draws_of(inputs + labels, low, high, dtype)

    def __len__(self) -> int:
        return self.samples

    def __iter__(self) -> Iterator[Any]:
        generator = np.random.RandomState(SEED)
        for _ in range(self.samples):
            parts = tuple(draw(generator) for draw in self.draws)
            inputs, labels = parts[: self.inputs], parts[self.inputs :]
            inputs = inputs[0] if len(inputs) == 1 else inputs
            yield (inputs, labels[0] if len(labels) == 1 else labels) if labels else inputs


def shapes_of(name: str, value: Any) -> list[Shape]:
    """A list of shapes from one, or from several; those of a YAML are lists themselves."""
    several = list(value) if isinstance(value, list | tuple) else []
    if several and all(isinstance(part, int) for part in several):
        several = [several]
    are_shapes = [isinstance(part, list | tuple) and all(type(size) is int and size > 0 for size in part)
                  for part in several]  # fmt: skip
    if not several or not all(are_shapes) or not all(map(len, several)):
        raise wrong_type(name, "a shape such as (8, 3, 224, 224), or a list of shapes", value)
    return [tuple(part) for part in several]


def draws_of(shapes: list[Shape], low: Any, high: Any, dtype: Any) -> list[Callable[[Any], np.ndarray]]:
    """For each shape a function that draws such an array from a generator."""
    lows, highs, dtypes = (each(*pair, len(shapes)) for pair in (("low", low), ("high", high), ("dtype", dtype)))
    for name in dtypes:
        check_choice("dtype", name, DTYPES)
    for name, values in (("low", lows), ("high", highs)):
        if not all(isinstance(value, int | float) for value in values):
            raise wrong_type(name, "a number, or a list of numbers", values)

    def draw_of(shape: Shape, low: float, high: float, dtype: str) -> Callable[[Any], np.ndarray]:
        return lambda generator: generator.uniform(low, high, shape).astype(dtype)

    return [draw_of(*row) for row in zip(shapes, lows, highs, dtypes, strict=True)]


def each(name: str, value: Any, count: int) -> list[Any]:
    """A value for each of `count` shapes."""
    if not isinstance(value, list | tuple):
        return [value] * count
    if len(value) != count:
        raise UsageError(f"`{name}` has {len(value)} values for {count} shapes; give one for each, or one for all.")
    return list(value)
