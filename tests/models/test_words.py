"""Words with a tag each, as files of named entities have them."""

import datasets
import pytest
from tiny import tiny_model, tiny_tokenizer

from inc_hf.errors import UsageError
from inc_hf.evaluation.tasks import evaluate_task
from inc_hf.models.batches import batches_of
from inc_hf.models.labels import IGNORED

ROWS = [
    {"tokens": ["the", "film", "was", "good"], "ner_tags": [0, 1, 0, 1]},
    {"tokens": ["dull", "plot"], "ner_tags": [1, 0]},
]


@pytest.fixture(scope="module")
def tagger():
    import transformers

    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=96, id2label={0: "O", 1: "PER"}, label2id={"O": 0, "PER": 1}, **sizes)
    return transformers.BertForTokenClassification(config).eval()


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


def renamed(words: str, tags: str, rows=ROWS) -> list[dict]:
    return [{words: row["tokens"], tags: row["ner_tags"]} for row in rows]


def as_words(rows):
    return [{**row, "ner_tags": [["O", "PER"][tag] for tag in row["ner_tags"]]} for row in rows]


DATA = {
    "as CoNLL": ROWS,
    "as --text-column and --label-column": renamed("sentence", "label"),
    "other names": renamed("words", "labels"),
    "tags as words": as_words(ROWS),
    "a dataset": datasets.Dataset.from_list(ROWS),
    "classes of another order": datasets.Dataset.from_list(
        [{**row, "ner_tags": [1 - tag for tag in row["ner_tags"]]} for row in ROWS]
    ).cast_column("ner_tags", datasets.Sequence(datasets.ClassLabel(names=["PER", "O"]))),
}


@pytest.mark.parametrize("data", DATA.values(), ids=DATA)
def test_the_first_token_of_a_word_has_its_tag(data, tagger, tokenizer):
    batch = next(batches_of(data, tagger, tokenizer))
    special = [IGNORED]
    assert batch["labels"].tolist() == [special + [0, 1, 0, 1] + special, special + [1, 0] + special * 3]
    assert batch["input_ids"].shape == batch["labels"].shape
    assert 0 <= evaluate_task(tagger, [batch], "token-classification")["accuracy"] <= 1


def test_words_of_several_tokens(tagger, tokenizer):
    batch = next(batches_of([{"tokens": ["not-good", "plot"], "tags": [1, 0]}], tagger, tokenizer))
    assert batch["labels"].tolist() == [[IGNORED, 1, IGNORED, IGNORED, 0, IGNORED]]


def test_words_alone_are_for_calibration(tagger, tokenizer):
    batch = next(batches_of([{"tokens": row["tokens"]} for row in ROWS], tagger, tokenizer))
    assert batch["input_ids"].shape == (2, 6) and "labels" not in batch


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [ROWS[0], {"tokens": ["a", "b"], "ner_tags": [0]}],
            "Row 1 .* has 2 words in 'tokens' and 1 tags in 'ner_tags'",
        ),
        ([{"tokens": ["a"], "ner_tags": ["LOC"]}], "'LOC' in row 0 .* is none of the model's `label2id`, 'O', 'PER'"),
    ],
    ids=["fewer tags", "unknown tag"],
)
def test_refused(rows, message, tagger, tokenizer):
    with pytest.raises(UsageError, match=message):
        list(batches_of(rows, tagger, tokenizer))


def test_a_batch_of_texts_stays_one(tokenizer):
    """A model with one label a sample has a batch of texts where this one has the words of a text."""
    batch = next(batches_of([{"text": ["the film", "a plot"], "label": [0, 1]}], tiny_model("bert"), tokenizer))
    assert batch["labels"].tolist() == [0, 1]
