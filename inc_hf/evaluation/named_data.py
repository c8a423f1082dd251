"""What labelled data is called, for who reads of a score."""

from collections.abc import Mapping, Sized
from typing import Any

from torch.utils.data import DataLoader

# Of `datasets`, for files of any content: their name, "csv", says nothing.
FILE_BUILDERS = ("arrow", "csv", "generator", "json", "pandas", "parquet", "sql", "text", "xml")


def named_data(data: Any) -> dict[str, Any] | None:
    """Name, config, split and number of samples, as far as `data` tells them; None if it tells nothing.

    Args:
        data: a dataset or stream of the package `datasets`, a dataloader of one, a list, anything.
    """
    data = data.dataset if isinstance(data, DataLoader) else data
    samples = len(data) if isinstance(data, Sized) else None
    while (inner := getattr(data, "dataset", None)) is not None:  # of a subset
        data = inner
    found = {**_names(getattr(data, "info", None), getattr(data, "split", None)), "samples": samples}
    return {key: value for key, value in found.items() if value is not None} or None


def _names(info: Any, split: Any) -> dict[str, str | None]:
    name, config = getattr(info, "dataset_name", None), getattr(info, "config_name", None)
    if name is None or getattr(info, "builder_name", None) in FILE_BUILDERS:
        return {"name": None if name in FILE_BUILDERS else name}
    return {"name": name, "config": None if config == "default" else config, "split": split and str(split)}


def data_in_words(data: Mapping[str, Any]) -> str:
    """Such as `glue sst2, validation (872 samples)`."""
    words = " ".join(data[key] for key in ("name", "config") if key in data)
    words += f", {data['split']}" if "split" in data else ""
    count = data.get("samples")
    samples = "" if count is None else f"{count:,} sample{'' if count == 1 else 's'}"
    return f"{words} ({samples})" if words and samples else words or samples
