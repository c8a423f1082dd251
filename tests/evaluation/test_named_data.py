"""What labelled data is called."""

import pytest
from datasets import Dataset, DatasetInfo, load_dataset
from torch.utils.data import DataLoader, Subset

from inc_hf.evaluation.datasets import load_dataset_file_or_hub
from inc_hf.evaluation.named_data import data_in_words, named_data

ROWS = [{"label": 0}, {"label": 1}, {"label": 1}]
OF_THE_HUB = DatasetInfo(builder_name="parquet", dataset_name="glue", config_name="sst2")


def of_the_hub() -> Dataset:
    dataset = Dataset.from_list(ROWS, info=OF_THE_HUB.copy(), split="validation")
    dataset.info.builder_name = "glue"
    return dataset


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (ROWS, "3 samples"),
        (DataLoader(ROWS, batch_size=2), "3 samples"),
        (iter(ROWS), None),
        (Dataset.from_list(ROWS), "3 samples"),
        (of_the_hub(), "glue sst2, validation (3 samples)"),
        (of_the_hub().shuffle().select([0, 1]), "glue sst2, validation (2 samples)"),
        (DataLoader(Subset(of_the_hub(), [0])), "glue sst2, validation (1 sample)"),
        (of_the_hub().to_iterable_dataset(), None),
    ],
    ids=["list", "loader", "iterator", "made here", "hub", "part", "subset", "stream"],
)
def test_named_data(data, words):
    found = named_data(data)
    assert (found and data_in_words(found)) == words


def test_files(tmp_path):
    """By their name, not by the path on this machine."""
    path = tmp_path / "dev.csv"
    path.write_text("text,label\na,0\nb,1\n")
    assert named_data(load_dataset_file_or_hub(path, None, "train", None)) == {"name": "dev.csv", "samples": 2}
    assert named_data(load_dataset("csv", data_files=str(path), split="train")) == {"samples": 2}
