"""Labels as words, and numbers of another order, as the model has them."""

import datasets
import pytest
from tiny import tiny_model, tiny_tokenizer

from inc_hf.errors import UsageError
from inc_hf.models.batches import batches_of

TEXTS = ["a good film", "a bad film", "not good"]
NAMES = {0: "negative", 1: "positive", 2: "mixed"}


@pytest.fixture(scope="module")
def model():
    return tiny_model("bert", id2label=NAMES, label2id={name: number for number, name in NAMES.items()})


def labels_of(model, labels: list, key: str = "label") -> list:
    rows = [{"text": text, key: label} for text, label in zip(TEXTS, labels, strict=True)]
    [batch] = batches_of(rows, model, tiny_tokenizer())
    return batch["labels"].tolist()


@pytest.mark.parametrize("key", ["label", "labels", "label_ids"])
@pytest.mark.parametrize(
    "labels", [["positive", "negative", "mixed"], ["Positive", " negative", "MIXED"], ["1", "0", "2"], [1, 0, 2]]
)
def test_one_a_sample(model, labels, key):
    assert labels_of(model, labels, key) == [1, 0, 2]


def test_in_another_column_than_the_text(model):
    """The only other column with text is no second text."""
    [batch] = batches_of([{"review": "a film", "label": "mixed"}], model, tiny_tokenizer())
    assert batch["labels"].tolist() == [2] and batch["input_ids"].shape == (1, 4)


def test_several_a_sample(model):
    model = tiny_model(
        "bert", problem_type="multi_label_classification", **model.config.to_diff_dict() | {"num_labels": 3}
    )
    model.config.label2id = {name: number for number, name in NAMES.items()}
    labels = labels_of(model, [["positive", "mixed"], [], ["negative"]])
    assert labels == [[0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]


def test_of_tokens(model):
    rows = [{"input_ids": [2, 5, 6, 3], "labels": [-100, "mixed", "positive", -100]}]
    [batch] = batches_of(rows, model)
    assert batch["labels"].tolist() == [[-100, 2, 1, -100]]


def test_in_ready_batches(model):
    batch = {**tiny_tokenizer()(TEXTS, padding=True, return_tensors="pt"), "labels": ["mixed", "positive", "mixed"]}
    assert next(batches_of([batch], model))["labels"].tolist() == [2, 1, 2]


def test_a_word_that_the_model_does_not_know(model):
    with pytest.raises(
        UsageError, match="label 'dull' in row 2 .* none of the model's `label2id`, 'negative', 'positive'"
    ):
        labels_of(model, ["mixed", "mixed", "dull"])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["positive", "mixed", "negative"], [1, 2, 0]),
        (["Negative", "Positive", "Mixed"], [0, 1, 2]),
        (["a", "b", "c"], [0, 1, 2]),
        (["positive", "negative"], [0, 1, 1]),
    ],
    ids=["another order", "the same order", "other names", "fewer"],
)
def test_numbers_of_a_dataset_that_names_its_classes(model, names, expected):
    numbers = [0, 1, min(2, len(names) - 1)]
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=names)})
    data = datasets.Dataset.from_dict({"text": TEXTS, "label": numbers}, features=features)
    for rows in (data, data.to_iterable_dataset()):
        [batch] = batches_of(rows, model, tiny_tokenizer())
        assert batch["labels"].tolist() == expected


def test_words_that_nobody_asks_for(model):
    """Calibration needs no labels."""
    rows = [{"text": text, "label": "dull"} for text in TEXTS]
    [batch] = batches_of(rows, model, tiny_tokenizer(), keep_labels=False)
    assert "labels" not in batch


def test_none(model):
    with pytest.raises(UsageError, match="The label in row 1 .* is None; leave such samples out"):
        list(batches_of([{"input_ids": [5], "label": 1}, {"input_ids": [6], "label": None}], model))
