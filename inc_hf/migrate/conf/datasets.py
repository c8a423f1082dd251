"""The datasets of 1.X that are kept, for PyTorch models."""

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from inc_hf.errors import UsageError, usage_error_for

SEED = 9527  # INC's
DTYPES = ("float32", "float16", "uint8", "int8", "int32", "int64", "bool")
V2_SAMPLES = 1024  # INC's `dummy_v2` never ends, so that an evaluation would not, either
IMAGES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
Transform = Callable[[Any], Any] | None


class DummyDataset(Dataset):
    """
    `dummy`: random samples.

    Args:
        shape: one shape or several, with the number of samples first.
        low, high, dtype: of all inputs, or one for each. label: whether a sample has a label, which is 0.
    """

    def __init__(
        self, shape: Any, low: Any = -128.0, high: Any = 127.0, dtype: Any = "float32", label: bool = True
    ) -> None:
        shapes = _shapes(shape)
        if len({each[0] for each in shapes}) > 1:
            raise UsageError(f"`shape` of dummy must begin with one number of samples, got {shapes}.")
        self.label, self.count = label, shapes[0][0]
        self.inputs = _random(np.random.RandomState(SEED), shapes, low, high, dtype, len(shapes))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < self.count:
            raise IndexError(index)
        sample = tuple(values[index] for values in self.inputs)
        sample = sample[0] if len(sample) == 1 else sample
        return (sample, 0) if self.label else sample


class DummyV2Dataset(Dataset):
    """
    `dummy_v2`: random samples and labels.

    Args:
        input_shape, label_shape: the shape of one input and one label, or several. None has no label.
        low, high, dtype: of all, or one for each of the inputs and labels.
    """

    def __init__(
        self, input_shape: Any, label_shape: Any = None, low: Any = -128.0, high: Any = 127.0, dtype: Any = "float32"
    ) -> None:
        inputs, labels = _shapes(input_shape), [] if label_shape is None else _shapes(label_shape)
        self.inputs, self.shapes = len(inputs), [*inputs, *labels]
        self.settings = (low, high, dtype)
        _random(np.random.RandomState(SEED), self.shapes, low, high, dtype, len(self.shapes))

    def __len__(self) -> int:
        return V2_SAMPLES

    def __getitem__(self, index: int) -> Any:
        if not 0 <= index < V2_SAMPLES:
            raise IndexError(index)
        values = _random(np.random.RandomState(SEED + index), self.shapes, *self.settings, len(self.shapes))
        inputs, labels = values[: self.inputs], values[self.inputs :]
        sample = inputs[0] if len(inputs) == 1 else tuple(inputs)
        if not labels:
            return sample
        return sample, labels[0] if len(labels) == 1 else tuple(labels)


class ImageFolder(Dataset):
    """
    `ImageFolder`: images in one folder per class; labels are the numbers of the sorted folders.

    Args:
        root: the folder of the folders. transform: of each image.
    """

    def __init__(self, root: str, transform: Transform = None) -> None:
        place = Path(root)
        if not place.is_dir():
            raise FileNotFoundError(f"There is no directory {root!r}, the `root` of ImageFolder.")
        self.classes = sorted(path.name for path in place.iterdir() if path.is_dir())
        self.samples = [
            (path, label)
            for label, name in enumerate(self.classes)
            for path in sorted((place / name).rglob("*"))
            if path.suffix.lower() in IMAGES
        ]
        if not self.samples:
            raise UsageError(f"{root} has no folders with images; ImageFolder takes ROOT/CLASS/IMAGE.jpg.")
        self.transform = transform

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        path, label = self.samples[index]
        with usage_error_for(f"{path} cannot be read as an image"):
            image = Image.open(path).convert("RGB")
        return (image if self.transform is None else self.transform(image)), label


# Of GLUE's own files: task -> columns of the text, of the pair, of the label, and the names of the classes
GLUE: dict[str, tuple[str | int, str | int | None, str | int, list[str] | None]] = {
    "cola": (3, None, 1, ["0", "1"]),
    "sst-2": ("sentence", None, "label", ["0", "1"]),
    "mrpc": ("#1 String", "#2 String", "Quality", ["0", "1"]),
    "sts-b": ("sentence1", "sentence2", "score", None),
    "qqp": ("question1", "question2", "is_duplicate", ["0", "1"]),
    "mnli": ("sentence1", "sentence2", "gold_label", ["contradiction", "entailment", "neutral"]),
    "qnli": ("question", "sentence", "label", ["entailment", "not_entailment"]),
    "rte": ("sentence1", "sentence2", "label", ["entailment", "not_entailment"]),
    "wnli": ("sentence1", "sentence2", "label", ["0", "1"]),
}
DEV_FILES = {"mnli": "dev_matched.tsv"}


class GlueDataset(Dataset):
    """
    `GLUE`: `train.tsv` or `dev.tsv` of a task, as GLUE ships them, through the tokenizer of a model.

    A sample is what the tokenizer gives, tensors by name, with `labels`. INC gave tuples, and wrote its features into
    `./dataset_cached`; nothing is written here.

    Args:
        data_dir: where the files are. model_name_or_path: whose tokenizer. task: as GLUE names it, or `sst2`, `stsb`.
        dynamic_length: whether texts keep their length; then `collate` pads a batch. evaluate: `dev.tsv`.
    """

    def __init__(
        self,
        data_dir: str,
        model_name_or_path: str,
        max_seq_length: int = 128,
        do_lower_case: bool = True,
        task: str = "mrpc",
        model_type: str = "bert",
        dynamic_length: bool = False,
        evaluate: bool = True,
    ) -> None:
        from transformers import AutoTokenizer

        name = {"sst2": "sst-2", "stsb": "sts-b"}.get(task.lower(), task.lower())
        if name not in GLUE:
            raise UsageError(f"`task` of GLUE must be one of {', '.join(GLUE)}, got {task!r}.")
        file = Path(data_dir) / (DEV_FILES.get(name, "dev.tsv") if evaluate else "train.tsv")
        first, second, label, classes = GLUE[name]
        if name == "mnli" and model_type.lower() == "roberta":
            classes = ["contradiction", "neutral", "entailment"]
        with usage_error_for(f"The tokenizer of {model_name_or_path} cannot be loaded"):
            self.tokenizer = AutoTokenizer.from_pretrained(model_name_or_path, do_lower_case=do_lower_case)
        rows = _rows_of(file, header=name != "cola")
        self.texts = [(_cell(file, row, first), None if second is None else _cell(file, row, second)) for row in rows]
        self.labels = [_label(file, row, label, classes) for row in rows]
        self.length, self.dynamic = max_seq_length, dynamic_length

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: int) -> dict[str, Any]:
        padding = False if self.dynamic else "max_length"
        encoded = self.tokenizer(*self.texts[index], max_length=self.length, padding=padding, truncation=True)
        sample = {name: torch.tensor(values) for name, values in encoded.items()}
        return {**sample, "labels": torch.tensor(self.labels[index])}

    def collate(self, samples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Samples of any length as one batch."""
        padded = self.tokenizer.pad(
            [{k: v for k, v in sample.items() if k != "labels"} for sample in samples], return_tensors="pt"
        )
        return {**padded, "labels": torch.stack([sample["labels"] for sample in samples])}


class BertDataset(Dataset):
    """
    `bert` for PyTorch: encoded samples `(input_ids, attention_mask, token_type_ids, labels)` by their names.

    Args:
        dataset: of such tuples, such as a `TensorDataset`. task: "classifier" or "squad". model_type: "bert",
            "distilbert", "xlnet" or "xlm", of which the last but "xlnet" take no `token_type_ids`.
    """

    def __init__(self, dataset: Any, task: str, model_type: str = "bert", transform: Transform = None) -> None:
        if task not in ("classifier", "squad"):
            raise UsageError(f"`task` must be classifier or squad, got {task!r}.")
        self.dataset, self.task, self.model_type, self.transform = dataset, task, model_type, transform

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> tuple[dict[str, Any], Any]:
        sample = self.dataset[index] if self.transform is None else self.transform(self.dataset[index])
        inputs = {"input_ids": sample[0], "attention_mask": sample[1]}
        if self.model_type in ("bert", "xlnet"):
            inputs["token_type_ids"] = sample[2]
        if self.task == "classifier":
            return {**inputs, "labels": sample[3]}, sample[3]
        if self.model_type in ("xlnet", "xlm"):
            inputs |= {"cls_index": sample[4], "p_mask": sample[5]}
        return inputs, sample[3]


def _shapes(value: Any) -> list[tuple[int, ...]]:
    if isinstance(value, Sequence) and value and all(isinstance(item, Sequence) for item in value):
        return [tuple(item) for item in value]
    return [tuple(value)]


def _random(
    generator: np.random.RandomState, shapes: list[tuple[int, ...]], low: Any, high: Any, dtype: Any, count: int
) -> list[torch.Tensor]:
    """Uniform numbers between `low` and `high`, as INC draws them."""
    lows, highs, dtypes = (_each(name, v, count) for name, v in (("low", low), ("high", high), ("dtype", dtype)))
    for kind in dtypes:
        if kind not in DTYPES:
            raise UsageError(f"`dtype` must be one of {', '.join(DTYPES)}, got {kind!r}.")
    drawn = [generator.uniform(low, high, shape) for low, high, shape in zip(lows, highs, shapes, strict=True)]
    return [torch.from_numpy(values.astype(kind)) for values, kind in zip(drawn, dtypes, strict=True)]


def _each(name: str, value: Any, count: int) -> list[Any]:
    """One value for each input."""
    values = list(value) if isinstance(value, list | tuple) else [value]
    values = values * count if len(values) == 1 else values
    if len(values) != count:
        raise UsageError(f"`{name}` must have one item, or one for each of the {count} shapes, got {len(values)}.")
    return values


def _rows_of(file: Path, header: bool) -> list[dict[Any, str]]:
    """The rows of a table of GLUE, by the names of columns, or by number where it has none."""
    with usage_error_for(f"{file} cannot be read"):
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    if not header:
        return [{"line": str(i + 1), **dict(enumerate(row))} for i, row in enumerate(rows)]
    if not rows:
        raise UsageError(f"{file} is empty.")
    return [{"line": str(i + 2), **dict(zip(rows[0], row, strict=False))} for i, row in enumerate(rows[1:])]


def _cell(file: Path, row: dict[Any, str], column: str | int) -> str:
    if column not in row:
        raise UsageError(f"{file}, line {row['line']}: there is no column {column!r}; is it a file of another task?")
    return row[column]


def _label(file: Path, row: dict[Any, str], column: str | int, classes: list[str] | None) -> int | float:
    text = _cell(file, row, column)
    if classes is None:
        try:
            return float(text)
        except ValueError:
            raise UsageError(f"{file}, line {row['line']}: the score is no number, got {text!r}.") from None
    if text not in classes:
        raise UsageError(f"{file}, line {row['line']}: the label must be one of {', '.join(classes)}, got {text!r}.")
    return classes.index(text)
