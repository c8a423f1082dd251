from operator import length_hint

import datasets
import pandas
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tiny import TinyNet as Net
from tiny import tiny_inputs, tiny_model, tiny_tokenizer
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from inc_hf.models.batches import accepted_inputs, batch_length, batches_of, take_samples
from inc_hf.models.samples import text_columns as columns_of
from inc_hf.quantize.workflow import run

TEXTS = ["the film was good", "a dull plot", "great actor but a very bad film", "not good", "bad"]
PAIRS = [("the film", "was good"), ("a plot", "the actor was bad"), ("great", "dull")]


@pytest.fixture(scope="module")
def tokenizer():
    return tiny_tokenizer()


@pytest.fixture(scope="module")
def bert():
    return tiny_model("bert")


def ids_of(batches: list[dict]) -> list[list[int]]:
    """The token ids of every sample, without padding."""
    return [
        ids[mask.bool()].tolist()
        for batch in batches
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True)
    ]


def expected_ids(tokenizer, texts=TEXTS) -> list[list[int]]:
    return [tokenizer(*([text] if isinstance(text, str) else text))["input_ids"] for text in texts]


class TestHowMany:
    """Bars ask for it."""

    @pytest.mark.parametrize(
        ("data", "count"),
        [
            (lambda: TEXTS, 3),
            (lambda: datasets.Dataset.from_dict({"text": TEXTS}), 3),
            (lambda: DataLoader(TEXTS, batch_size=3), 2),
            (lambda: [tiny_inputs(tiny_model("bert"))] * 4, 4),
            (lambda: (text for text in TEXTS), 0),
            (lambda: datasets.Dataset.from_dict({"text": TEXTS}).to_iterable_dataset(), 0),
        ],
        ids=["list", "dataset", "loader", "ready", "generator", "stream"],
    )
    def test_hint(self, data, count, bert, tokenizer):
        batches = batches_of(data(), bert, tokenizer, batch_size=2)
        assert length_hint(batches) == count
        next(batches)
        assert length_hint(batches) == max(count - 1, 0)
        assert count in (0, 1 + len(list(batches)))

    def test_errors_come_when_they_did(self, bert):
        batches = batches_of("a text", bert)
        assert length_hint(batches) == 0
        with pytest.raises(TypeError, match="Got one str as data"):
            next(batches)
        with pytest.raises(ValueError, match="The dataset is empty"):
            length_hint(batches_of([], bert))


class TestTexts:
    @pytest.mark.parametrize(
        "data",
        [
            TEXTS,
            [{"text": text} for text in TEXTS],
            [{"sentence": text, "idx": i} for i, text in enumerate(TEXTS)],
            [{"review": text, "stars": 3} for text in TEXTS],
            datasets.Dataset.from_dict({"text": TEXTS}),
            datasets.Dataset.from_dict({"sentence": TEXTS, "label": [0, 1, 1, 0, 1], "idx": range(5)}),
        ],
        ids=["list", "dicts", "sentence", "only text column", "dataset", "dataset with more columns"],
    )
    def test_one_column(self, bert, tokenizer, data):
        batches = list(batches_of(data, bert, tokenizer, batch_size=2, keep_labels=False))
        assert [len(batch["input_ids"]) for batch in batches] == [2, 2, 1]
        assert all(set(batch) <= {"input_ids", "token_type_ids", "attention_mask"} for batch in batches)
        assert ids_of(batches) == expected_ids(tokenizer)

    @pytest.mark.parametrize(
        ("first", "second"),
        [
            ("sentence1", "sentence2"),
            ("premise", "hypothesis"),
            ("question1", "question2"),
            ("question", "sentence"),
            ("question", "context"),
        ],
        ids=["mrpc", "mnli", "qqp", "qnli", "squad"],
    )
    def test_two_columns(self, bert, tokenizer, first, second):
        data = datasets.Dataset.from_list([{first: a, second: b, "id": f"row {a}"} for a, b in PAIRS])
        batches = list(batches_of(data, bert, tokenizer))
        assert ids_of(batches) == expected_ids(tokenizer, PAIRS)
        assert len(batches) == 1

    @pytest.mark.parametrize("collated", [False, True], ids=["samples", "batches"])
    def test_two_texts_and_a_label(self, bert, tokenizer, collated):
        data = [(*pair, label) for pair, label in zip(PAIRS, (1, 0, 1), strict=True)]
        batches = list(batches_of(DataLoader(data, batch_size=3) if collated else data, bert, tokenizer))
        assert ids_of(batches) == expected_ids(tokenizer, PAIRS)
        assert batches[0]["labels"].tolist() == [1, 0, 1]

    def test_padding_follows_the_longest_of_the_batch(self, bert, tokenizer):
        shapes = [tuple(batch["input_ids"].shape) for batch in batches_of(TEXTS, bert, tokenizer, batch_size=2)]
        assert shapes == [(2, 6), (2, 9), (1, 3)]

    @pytest.mark.parametrize(("positions", "length"), [(10, 10), (1000, 32)], ids=["model", "tokenizer"])
    def test_truncation_to_what_model_and_tokenizer_take(self, tokenizer, positions, length):
        model = tiny_model("bert", max_position_embeddings=positions)
        [batch] = batches_of(["film " * 2000], model, tokenizer)
        assert batch["input_ids"].shape == (1, length)
        model(**batch)

    def test_tokenizer_without_a_padding_token(self):
        """That of most decoders; it pads with the end of the text, and is left as it is."""
        tokenizer = tiny_tokenizer()
        tokenizer.pad_token, tokenizer.eos_token = None, "[SEP]"
        batches = list(batches_of(TEXTS, tiny_model("opt"), tokenizer, batch_size=2))
        assert ids_of(batches) == expected_ids(tokenizer)
        assert batches[0]["input_ids"][1].tolist() == [2, 6, 16, 8, 3, 3]
        assert batches[0]["attention_mask"][1].tolist() == [1, 1, 1, 1, 1, 0]
        assert tokenizer.pad_token is None

    @pytest.mark.parametrize("data", [TEXTS, [{"review": text} for text in TEXTS]], ids=["list", "column"])
    def test_without_a_tokenizer(self, bert, data):
        column = "text" if data is TEXTS else "review"
        with pytest.raises(ValueError, match=f"column '{column}'.*pass `tokenizer=`"):
            next(batches_of(data, bert))

    def test_collator(self, bert, tokenizer):
        seen = []

        def collate(samples):
            seen.append(len(samples))
            return {"input_ids": torch.full((len(samples), 3), 7), "comment": "dropped"}

        batches = list(batches_of(TEXTS, bert, tokenizer, batch_size=3, collator=collate))
        assert seen == [3, 2]
        assert [list(batch) for batch in batches] == [["input_ids"]] * 2 and batches[1]["input_ids"].shape == (2, 3)


class TestTokenized:
    samples = [
        {"input_ids": [2, 5, 6, 3], "attention_mask": [1] * 4},
        {"input_ids": [2, 9, 3], "attention_mask": [1] * 3},
    ]

    @pytest.mark.parametrize("form", ["dicts", "dataset", "dataset of tensors"])
    def test_forms(self, bert, tokenizer, form):
        data = self.samples if form == "dicts" else datasets.Dataset.from_list(self.samples)
        if form == "dataset of tensors":
            data = data.with_format("torch")
        [batch] = batches_of(data, bert, tokenizer)
        assert batch["input_ids"].tolist() == [[2, 5, 6, 3], [2, 9, 3, 0]]
        assert batch["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]

    def test_equal_lengths_need_no_tokenizer(self, bert):
        [batch] = batches_of([{"input_ids": [2, 5, 3]}, {"input_ids": [2, 6, 3]}], bert)
        assert batch["input_ids"].tolist() == [[2, 5, 3], [2, 6, 3]]

    def test_text_beside_token_ids_is_left_out(self, bert):
        [batch] = batches_of([{"text": "good", "input_ids": [2, 5, 3]}], bert)
        assert list(batch) == ["input_ids"]

    @pytest.mark.parametrize("key", ["label", "labels"])
    def test_labels(self, bert, tokenizer, key):
        data = [{**sample, key: i} for i, sample in enumerate(self.samples)]
        [batch] = batches_of(data, bert, tokenizer)
        assert batch["labels"].tolist() == [0, 1] and "label" not in batch
        [batch] = batches_of(data, bert, tokenizer, keep_labels=False)
        assert set(batch) == {"input_ids", "attention_mask"}

    def test_labels_of_texts(self, bert, tokenizer):
        data = [{"text": text, "label": i % 2} for i, text in enumerate(TEXTS)]
        [batch] = batches_of(data, bert, tokenizer)
        assert batch["labels"].tolist() == [0, 1, 0, 1, 0]

    def test_images(self):
        images = torch.randn(5, 3, 16, 16)
        batches = list(batches_of([{"pixel_values": image} for image in images], tiny_model("vit"), batch_size=2))
        assert torch.equal(torch.cat([batch["pixel_values"] for batch in batches]), images)
        assert len(batches) == 3

    def test_labelled_pairs_of_samples(self, bert, tokenizer):
        [batch] = batches_of([(sample, 1) for sample in self.samples], bert, tokenizer)
        assert batch["input_ids"].shape == (2, 4)


class TestReadyBatches:
    def test_dicts(self, bert):
        inputs = tiny_inputs(bert)
        for data in ([inputs, inputs], iter([inputs, inputs]), DataLoader([inputs, inputs], batch_size=None)):
            batches = list(batches_of(data, bert, batch_size=1))
            assert len(batches) == 2
            assert all(torch.equal(batch[key], inputs[key]) for batch in batches for key in inputs)

    def test_surplus_entries_are_left_out(self, bert):
        inputs = tiny_inputs(bert)
        batch = {
            **inputs,
            "labels": torch.zeros(3),
            "idx": torch.arange(3),
            "text": TEXTS[:3],
            "output_attentions": True,
        }
        assert set(next(batches_of([batch], bert))) == {*inputs, "labels"}
        assert set(next(batches_of([batch], bert, keep_labels=False))) == set(inputs)

    @pytest.mark.parametrize("form", [tuple, list])
    def test_label_beside_a_dict(self, bert, form):
        inputs = tiny_inputs(bert)
        data = [form([inputs, torch.zeros(3)])]
        assert set(next(batches_of(data, bert))) == {*inputs, "labels"}
        assert set(next(batches_of(data, bert, keep_labels=False))) == set(inputs)

    def test_of_a_plain_module(self):
        x, y = torch.randn(6, 4), torch.zeros(6)
        for data in (DataLoader(TensorDataset(x, y), batch_size=4), [(x[:4], y[:4]), (x[4:], y[4:])], [x[:4], x[4:]]):
            outputs = [run(Net(), batch) for batch in batches_of(data, Net())]
            assert [tuple(output.shape) for output in outputs] == [(4, 2), (2, 2)]

    def test_dataloader_keeps_its_batch_size(self, bert):
        samples = [{"input_ids": torch.tensor([2, i, 3])} for i in range(7)]
        loader = DataLoader(samples, batch_size=3)
        assert [len(batch["input_ids"]) for batch in batches_of(loader, bert, batch_size=100)] == [3, 3, 1]
        assert loader.batch_size == 3


class TestBadData:
    @pytest.mark.parametrize(
        "data",
        [None, [], (), datasets.Dataset.from_dict({"text": []}), DataLoader([])],
        ids=["None", "list", "tuple", "dataset", "dataloader"],
    )
    def test_empty(self, bert, tokenizer, data):
        with pytest.raises(ValueError, match="at least one sample"):
            next(batches_of(data, bert, tokenizer))

    @pytest.mark.parametrize(
        ("data", "what"),
        [
            ("a film", "str as data; pass a list of texts, a dataset or a dataloader"),
            ({"input_ids": torch.ones(2, 3)}, "dict as data; pass a list of texts, a dataset or a dataloader"),
            (
                datasets.DatasetDict(train=datasets.Dataset.from_dict({"text": TEXTS})),
                "DatasetDict as data; choose one of its splits, 'train', such as data.'train'.",
            ),
            ({"text": TEXTS}, "dict as data; pass `datasets.Dataset.from_dict"),
        ],
        ids=["text", "one batch", "all splits", "columns"],
    )
    def test_one_thing_instead_of_many(self, bert, tokenizer, data, what):
        with pytest.raises(TypeError, match=f"Got .*{what}"):
            next(batches_of(data, bert, tokenizer))

    @pytest.mark.parametrize("part", ["table", "column"])
    def test_of_pandas(self, bert, tokenizer, part):
        table = pandas.DataFrame({"text": TEXTS})
        with pytest.raises(TypeError, match="of pandas; pass `datasets.Dataset.from_pandas"):
            next(batches_of(table if part == "table" else table["text"], bert, tokenizer))

    @pytest.mark.parametrize("has_tokenizer", [True, False], ids=["tokenizer", "no tokenizer"])
    @pytest.mark.parametrize("form", ["dicts", "dataset"])
    def test_other_columns(self, bert, tokenizer, form, has_tokenizer):
        data = [{"tokens": [1, 2], "mask": [1, 1], "label": 0}]
        data = data if form == "dicts" else datasets.Dataset.from_list(data)
        with pytest.raises(ValueError, match=r"\['label', 'mask', 'tokens'\].*BertForSequence.* needs 'input_ids'"):
            next(batches_of(data, bert, tokenizer if has_tokenizer else None))

    def test_several_text_columns_of_unknown_names(self, bert, tokenizer):
        with pytest.raises(ValueError, match=r"\['body', 'title'\].* needs 'input_ids'"):
            next(batches_of([{"title": "good", "body": "a film"}], bert, tokenizer))

    def test_ready_batches_with_other_keys(self, bert):
        batch = {"ids": torch.ones(2, 3, dtype=torch.long), "attention_mask": torch.ones(2, 3)}
        with pytest.raises(ValueError, match=r"\['attention_mask', 'ids'\].* needs 'input_ids'"):
            next(batches_of([batch], bert))

    def test_images_for_a_model_of_texts(self, bert):
        with pytest.raises(ValueError, match=r"\['pixel_values'\].* needs 'input_ids'"):
            next(batches_of([{"pixel_values": torch.ones(3, 4, 4)}], bert))

    @pytest.mark.parametrize(
        "data",
        [[[2, 5, 3], [2, 6, 3]], [7, 8], [object()], [()], [(1, 2, 3)]],
        ids=["token ids", "numbers", "objects", "nothing", "tuples"],
    )
    def test_no_telling_what_it_is(self, bert, data):
        with pytest.raises((ValueError, TypeError), match="BertForSequenceClassification needs"):
            next(batches_of(data, bert))


@pytest.mark.parametrize(
    ("sample", "columns"),
    [
        ({"text": "a"}, ("text", None)),
        ({"sentence": "a", "label": 1}, ("sentence", None)),
        ({"sentence1": "a", "sentence2": "b"}, ("sentence1", "sentence2")),
        ({"question": "a", "sentence": "b"}, ("question", "sentence")),
        ({"question": "a", "context": "b", "id": "c"}, ("question", "context")),
        ({"title": "a"}, ("title", None)),
        ({"title": "a", "body": "b"}, None),
        ({"text": 3}, None),
        ({}, None),
    ],
    ids=["text", "sentence", "pair", "qnli", "squad", "any name", "ambiguous", "number", "empty"],
)
def test_text_columns(sample, columns):
    assert columns_of(sample) == columns


class TestAcceptedInputs:
    def test_named(self, bert):
        assert {"input_ids", "attention_mask", "labels"} <= accepted_inputs(bert)
        assert accepted_inputs(bert) - accepted_inputs(bert, keep_labels=False) == {"labels"}

    def test_anything(self):
        class Any(nn.Module):
            def forward(self, *args, **kwargs):
                return args, kwargs

        assert accepted_inputs(Any()) is None


class TestTakeSamples:
    @given(sizes=st.lists(st.integers(1, 5), max_size=6), wanted=st.integers(1, 20))
    def test_count_and_order(self, sizes, wanted):
        samples = torch.arange(sum(sizes))
        batches = [{"input_ids": part, "labels": part + 100} for part in samples.split(sizes)] if sizes else []
        taken = take_samples(iter(batches), wanted)
        found = torch.cat([batch["input_ids"] for batch in taken]) if taken else samples
        assert torch.equal(found, samples[:wanted])
        assert all(torch.equal(batch["labels"], batch["input_ids"] + 100) for batch in taken)
        assert [batch_length(batch) for batch in taken[:-1]] == sizes[: max(len(taken) - 1, 0)]

    def test_none_takes_all(self):
        assert take_samples(iter([1, 2]), None) == [1, 2]

    @pytest.mark.parametrize(
        ("batch", "expected"),
        [
            (torch.arange(4), torch.arange(2)),
            ((torch.arange(4), torch.ones(4, 2)), (torch.arange(2), torch.ones(2, 2))),
            ([torch.arange(4), True], [torch.arange(2), True]),
            ({"a": torch.arange(4), "b": torch.tensor(1.0)}, {"a": torch.arange(2), "b": torch.tensor(1.0)}),
        ],
        ids=["tensor", "tuple", "list", "dict with a scalar"],
    )
    def test_the_last_batch_is_cut(self, batch, expected):
        [taken] = take_samples([batch, batch], 2)
        assert type(taken) is type(batch)
        torch.testing.assert_close(taken, expected, rtol=0, atol=0)

    def test_a_batch_of_other_images_than_texts_is_not_cut(self):
        batch = {"input_ids": torch.ones(4, 5), "pixel_values": torch.ones(12, 8)}
        assert take_samples([batch, batch], 2) == [batch]

    @pytest.mark.parametrize(
        ("batch", "length"),
        [
            (torch.ones(3, 2), 3),
            ((torch.ones(3, 2), torch.ones(3)), 3),
            ({"flag": True, "scale": torch.tensor(1.0), "x": torch.ones(4)}, 4),
            ({"flag": True}, 1),
            (7, 1),
            ({"pixel_values": torch.ones(12, 8), "input_ids": torch.ones(2, 5)}, 2),
        ],
        ids=["tensor", "tuple", "dict", "no tensor", "number", "patches beside texts"],
    )
    def test_batch_length(self, batch, length):
        assert batch_length(batch) == length
