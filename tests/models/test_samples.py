"""Data in the forms that users have: each gives the samples of the plain list, in batches of the size asked."""

import datasets
import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from tiny import ENCODER, VOCABULARY, TinyNet, tiny_model, tiny_tokenizer
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from inc_hf.errors import UsageError
from inc_hf.models.batches import batches_of

TEXTS = ["the film was good", "a dull plot", "great actor but a very bad film", "not good", "bad"]
LABELS = [0, 1, 0, 1, 1]
TOKENIZER = tiny_tokenizer()
IDS = [TOKENIZER(text)["input_ids"] for text in TEXTS]
TOKENIZED = [
    {"input_ids": ids, "attention_mask": [1] * len(ids), "label": y} for ids, y in zip(IDS, LABELS, strict=True)
]
TENSORS = [{key: torch.tensor(value) for key, value in row.items()} for row in TOKENIZED]
ROWS = [{"text": text, "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]
PADDED = TOKENIZER(TEXTS, padding=True, return_tensors="pt")


class Stream(IterableDataset):
    """Of torch, without a length."""

    def __init__(self, rows):
        self.rows = rows

    def __iter__(self):
        return iter(self.rows)


class Indexed:
    """A sequence that is neither a list nor of torch or `datasets`."""

    def __init__(self, rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        return self.rows[index]


def stream_of(rows, form=None):
    return datasets.IterableDataset.from_generator(lambda: iter(rows)).with_format(form)


def no_collation(rows):
    return DataLoader(rows, batch_size=None)


SAMPLES = {
    "list of texts": lambda: TEXTS,
    "tuple of texts": lambda: tuple(TEXTS),
    "generator of texts": lambda: iter(TEXTS),
    "column of a dataset": lambda: datasets.Dataset.from_list(ROWS)["text"],
    "torch stream of texts": lambda: Stream(TEXTS),
    "loader of single texts": lambda: no_collation(Stream(TEXTS)),
    "labelled texts": lambda: list(zip(TEXTS, LABELS, strict=True)),
    "generator of labelled texts": lambda: zip(TEXTS, LABELS, strict=True),
    "dataset of texts": lambda: datasets.Dataset.from_list(ROWS),
    "stream of texts": lambda: stream_of(ROWS),
    "torch stream of rows": lambda: Stream(ROWS),
    "generator of rows": lambda: iter(ROWS),
    "tokenized": lambda: TOKENIZED,
    "any sequence": lambda: Indexed(TOKENIZED),
    "tokenized generator": lambda: iter(TOKENIZED),
    "tokenized dataset": lambda: datasets.Dataset.from_list(TOKENIZED),
    "tokenized dataset of tensors": lambda: datasets.Dataset.from_list(TOKENIZED).with_format("torch"),
    "tokenized dataset of arrays": lambda: datasets.Dataset.from_list(TOKENIZED).with_format("numpy"),
    "tokenized stream": lambda: stream_of(TOKENIZED),
    "tokenized stream of tensors": lambda: stream_of(TOKENIZED, "torch"),
    "tokenized torch stream": lambda: Stream(TENSORS),
    "loader of single samples": lambda: no_collation(TENSORS),
    "labelled tokenized": lambda: [({"input_ids": row["input_ids"]}, row["label"]) for row in TENSORS],
    "tensors": lambda: [row["input_ids"] for row in TENSORS],
    "tensors of a dataset": lambda: TensorDataset(PADDED["input_ids"], PADDED["attention_mask"], torch.tensor(LABELS)),
}
UNLABELLED = {
    *("list of texts", "tuple of texts", "generator of texts", "column of a dataset", "torch stream of texts"),
    *("loader of single texts", "tensors"),
}
BATCHES = {
    "loader": lambda: DataLoader(TEXTS, batch_size=2),
    "loader without a length": lambda: DataLoader(Stream(TEXTS), batch_size=2),
    "loader of labelled texts": lambda: DataLoader(list(zip(TEXTS, LABELS, strict=True)), batch_size=2),
    "loader of rows": lambda: DataLoader(ROWS, batch_size=2),
    "lists of texts": lambda: [TEXTS[:2], TEXTS[2:4], TEXTS[4:]],
    "lists of ids": lambda: [{"input_ids": IDS[i : i + 2]} for i in (0, 2, 4)],
    "tensors": lambda: DataLoader(TensorDataset(PADDED["input_ids"], PADDED["attention_mask"]), batch_size=2),
    "with labels": lambda: DataLoader(
        TensorDataset(PADDED["input_ids"], PADDED["attention_mask"], torch.tensor(LABELS)), batch_size=2
    ),
    "arrays": lambda: [{key: value[i : i + 2].numpy() for key, value in PADDED.items()} for i in (0, 2, 4)],
}


def ids_of(batches: list[dict]) -> list[list[int]]:
    return [
        [i for i in row.tolist() if i != TOKENIZER.pad_token_id] for batch in batches for row in batch["input_ids"]
    ]


@pytest.fixture(scope="module")
def bert():
    return tiny_model("bert")


@pytest.mark.parametrize("name", SAMPLES)
def test_samples(bert, name):
    batches = list(batches_of(SAMPLES[name](), bert, TOKENIZER, batch_size=3))
    assert [len(batch["input_ids"]) for batch in batches] == [3, 2] and ids_of(batches) == IDS
    for batch in batches:
        assert torch.equal(batch["attention_mask"] != 0, batch["input_ids"] != TOKENIZER.pad_token_id)
    labels = [batch["labels"] for batch in batches if "labels" in batch]
    assert torch.cat(labels).tolist() == LABELS if name not in UNLABELLED else not labels


@pytest.mark.parametrize("name", BATCHES)
def test_batches_keep_their_size(bert, name):
    batches = list(batches_of(BATCHES[name](), bert, TOKENIZER, batch_size=100))
    assert [len(batch["input_ids"]) for batch in batches] == [2, 2, 1] and ids_of(batches) == IDS
    for batch in batches:
        assert torch.equal(batch["attention_mask"] != 0, batch["input_ids"] != TOKENIZER.pad_token_id)


@pytest.mark.parametrize(
    "name", [name for name in SAMPLES if "rows" not in name and not {"text", "texts", "column"} & {*name.split()}]
)
def test_samples_of_several_lengths_without_a_tokenizer(bert, name):
    bert.config.pad_token_id = TOKENIZER.pad_token_id
    batches = list(batches_of(SAMPLES[name](), bert, batch_size=3))
    assert [len(batch["input_ids"]) for batch in batches] == [3, 2] and ids_of(batches) == IDS
    assert all(torch.equal(b["attention_mask"] != 0, b["input_ids"] != TOKENIZER.pad_token_id) for b in batches)


@pytest.mark.parametrize(
    "make", [lambda: iter(TEXTS), lambda: stream_of(ROWS), lambda: zip(TEXTS, LABELS, strict=True)]
)
def test_texts_without_a_tokenizer(bert, make):
    with pytest.raises(UsageError, match=r"column 'text'.*pass `tokenizer=`"):
        next(batches_of(make(), bert))


@pytest.mark.parametrize("make", [list, datasets.Dataset.from_list], ids=["list", "dataset"])
@pytest.mark.parametrize("several", [False, True], ids=["one label", "labels"])
def test_lists_that_torch_has_collated(bert, make, several):
    """It makes a tensor of each place of the lists, as long as the batch."""
    rows = [{"input_ids": ids[:3], "labels": [0, 1, 1, 0] if several else 1} for ids in IDS]
    batches = list(batches_of(DataLoader(make(rows), batch_size=2), bert))
    assert ids_of(batches) == [ids[:3] for ids in IDS] and [len(batch["input_ids"]) for batch in batches] == [2, 2, 1]
    assert batches[0]["labels"].tolist() == ([[0, 1, 1, 0]] * 2 if several else [1, 1])


def test_pairs_of_texts(bert):
    [batch] = batches_of([("a film", "a plot"), ("bad", "good")], bert, TOKENIZER)
    assert ids_of([batch]) == [TOKENIZER(*pair)["input_ids"] for pair in [("a film", "a plot"), ("bad", "good")]]


def test_texts_as_labels_of_a_model_that_writes():
    rows = [{"text": text, "labels": label} for text, label in zip(TEXTS, TEXTS[::-1], strict=True)]
    [batch] = batches_of(rows, tiny_model("t5"), TOKENIZER)
    assert [[i for i in row.tolist() if i != -100] for row in batch["labels"]] == IDS[::-1]


def test_labels_of_tokens():
    model = transformers.BertForTokenClassification(transformers.BertConfig(vocab_size=VOCABULARY, **ENCODER))
    rows = [{"input_ids": ids, "labels": [1] * len(ids)} for ids in IDS]
    [batch] = batches_of(rows, model, TOKENIZER)
    assert torch.equal(batch["labels"] == -100, batch["input_ids"] == TOKENIZER.pad_token_id)


def test_choices_of_several_lengths():
    model = transformers.BertForMultipleChoice(transformers.BertConfig(vocab_size=VOCABULARY, **ENCODER))
    for rows in ([{"input_ids": IDS[:2], "label": 0}, {"input_ids": IDS[2:4], "label": 1}],) * 2:
        [batch] = batches_of(iter(rows), model, TOKENIZER)
        assert (
            batch["input_ids"].shape == (2, 2, 9)
            and ids_of([{"input_ids": batch["input_ids"].flatten(0, 1)}]) == IDS[:4]
        )
        assert torch.equal(batch["attention_mask"] != 0, batch["input_ids"] != TOKENIZER.pad_token_id)


class TestPlainModules:
    x, y = torch.randn(5, 4), torch.randn(5)

    @pytest.mark.parametrize(
        "make",
        [
            lambda x, y: TensorDataset(x, y),
            lambda x, y: TensorDataset(x, torch.stack([y, y], 1)),
            lambda x, y: list(zip(x, y.tolist(), strict=True)),
            lambda x, y: Stream(list(zip(x, y, strict=True))),
        ],
        ids=["dataset", "several labels", "pairs", "stream"],
    )
    def test_samples(self, make):
        batches = list(batches_of(make(self.x, self.y), TinyNet(), batch_size=3))
        assert [tuple(batch[0].shape) for batch in batches] == [(3, 4), (2, 4)]
        assert torch.equal(torch.cat([batch[0] for batch in batches]), self.x)


class Sum(torch.nn.Module):
    def forward(self, x, y):
        return x + y


@pytest.mark.parametrize(
    ("module", "parts", "kept"),
    [(TinyNet(), 2, 1), (Sum(), 2, 2), (Sum(), 3, 2), (TinyNet(), 1, 1), (torch.nn.Sequential(TinyNet()), 2, 1)],
    ids=["a pair", "two inputs", "two inputs and a label", "no label", "a sequence"],
)
def test_labels_behind_the_inputs_of_a_plain_module(module, parts, kept):
    batch = tuple(torch.full((3, 4), float(i)) for i in range(parts))
    for data in ([batch], TensorDataset(*batch)):
        [found] = batches_of(data, module)
        assert [part[0, 0].item() for part in found] == list(range(kept))


class TestImages:
    images = [Image.fromarray(np.full((20, 24, 3), 40 * i, dtype=np.uint8)) for i in range(3)]

    def processor(self):
        return transformers.ViTImageProcessor(size={"height": 16, "width": 16})

    @pytest.mark.parametrize(
        "make",
        [
            lambda images: [{"image": image, "label": i} for i, image in enumerate(images)],
            lambda images: iter([{"img": image.convert("L"), "label": i} for i, image in enumerate(images)]),
            lambda images: [(image, i) for i, image in enumerate(images)],
            lambda images: datasets.Dataset.from_list(
                [{"image": image, "label": i} for i, image in enumerate(images)]
            ),
        ],
        ids=["rows", "grey", "pairs", "dataset"],
    )
    def test_forms(self, make):
        batches = list(batches_of(make(self.images), tiny_model("vit"), self.processor(), batch_size=2))
        assert [tuple(batch["pixel_values"].shape) for batch in batches] == [(2, 3, 16, 16), (1, 3, 16, 16)]
        assert [label for batch in batches for label in batch["labels"].tolist()] == [0, 1, 2]

    @pytest.mark.parametrize("form", ["stream", "pairs", "tensors"])
    def test_tensors(self, form):
        x = torch.randn(3, 3, 16, 16)
        rows = [{"pixel_values": image} for image in x]
        data = {"stream": Stream(rows), "pairs": [(image, 1) for image in x], "tensors": list(x)}[form]
        batches = list(batches_of(data, tiny_model("vit"), batch_size=2))
        assert torch.equal(torch.cat([batch["pixel_values"] for batch in batches]), x) and len(batches) == 2

    @pytest.mark.parametrize("main", ["input_ids", ["pixel_values", "task_inputs"]], ids=["of another", "two"])
    def test_patches_of_all_images_are_a_batch(self, main):
        class Tower(transformers.PreTrainedModel):  # those of Qwen-VL have the name of the whole model
            config_class = transformers.ViTConfig
            main_input_name = main

            def forward(self, pixel_values, grid_thw):
                return pixel_values

        batch = {"pixel_values": torch.zeros(32, 12), "grid_thw": torch.tensor([[1, 4, 4]] * 2)}
        [found] = batches_of([batch], Tower(transformers.ViTConfig()))
        assert {name: tuple(value.shape) for name, value in found.items()} == {
            "pixel_values": (32, 12),
            "grid_thw": (2, 3),
        }

    @pytest.mark.parametrize(
        ("main", "sample"),
        [
            ("pixel_values", {"pixel_values": (16, 12), "pixel_attention_mask": (16,), "spatial_shapes": (2,)}),
            ("pixel_values", {"pixel_values": (16, 12), "pixel_position_ids": (16, 2)}),
            ("flattened_patches", {"flattened_patches": (16, 12), "attention_mask": (16,)}),
            ("pixel_values_videos", {"pixel_values_videos": (4, 3, 8, 8)}),
        ],
        ids=["sizes", "places", "places in the patches", "frames"],
    )
    def test_sequences_of_patches_or_frames(self, main, sample):
        """As Siglip2, Gemma 4, Pix2Struct and V-JEPA 2 take them, with what tells their places."""

        class Tower(transformers.PreTrainedModel):
            config_class = transformers.ViTConfig
            main_input_name = main

            def forward(self, **inputs):
                return inputs

        model = Tower(transformers.ViTConfig())
        row = {name: torch.ones(shape) for name, shape in sample.items()}
        expected = {name: (2, *shape) for name, shape in sample.items()}
        for data in ([row, row], [{name: torch.stack([value] * 2) for name, value in row.items()}]):
            [batch] = batches_of(data, model, batch_size=2)
            assert {name: tuple(value.shape) for name, value in batch.items()} == expected

    def test_without_a_processor(self):
        with pytest.raises(UsageError, match="images .column 'image'.; pass the image processor"):
            next(batches_of([{"image": self.images[0]}], tiny_model("vit")))


class TestSound:
    waves = [np.random.default_rng(1).normal(size=size).astype(np.float32) for size in (400, 300)]

    def model(self, norm: str = "layer"):
        config = transformers.Wav2Vec2Config(
            **ENCODER, conv_dim=[8], conv_stride=[5], conv_kernel=[10], num_conv_pos_embeddings=4,
            num_conv_pos_embedding_groups=2, classifier_proj_size=8, feat_extract_norm=norm,
        )  # fmt: skip
        return transformers.Wav2Vec2ForSequenceClassification(config)

    def test_raw(self):
        extractor = transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True)
        rows = [{"audio": {"array": wave, "sampling_rate": 16000}, "label": 1} for wave in self.waves]
        [batch] = batches_of(rows, self.model(), extractor)
        assert batch["input_values"].shape == (2, 400) and batch["attention_mask"].sum(1).tolist() == [400, 300]
        with pytest.raises(UsageError, match="sound .column 'audio'.; pass the feature extractor"):
            next(batches_of(rows, self.model()))
        rows[0]["audio"]["sampling_rate"] = 8000
        with pytest.raises(UsageError, match="(?s)Column 'audio'.*sampling rate"):
            next(batches_of(rows, self.model(), extractor))

    @pytest.mark.parametrize(("norm", "masked"), [("layer", True), ("group", False)])
    def test_several_lengths(self, norm, masked):
        [batch] = batches_of(iter([{"input_values": wave} for wave in self.waves]), self.model(norm))
        assert batch["input_values"].shape == (2, 400) and ("attention_mask" in batch) == masked
        assert batch["input_values"].dtype == torch.float32

    def test_a_batch_for_a_model_that_writes_spectrograms(self):
        model = self.model()
        model.config.num_mel_bins = 8  # as SpeechT5's
        [batch] = batches_of([{"input_values": torch.zeros(2, 400)}], model)
        assert batch["input_values"].shape == (2, 400)


EMPTY = {
    "None in a list": (
        [{"text": "good", "label": 1}, {"text": None, "label": 0}],
        "Row 1 .* nothing in column 'text'",
    ),
    "None in the first row": ([{"sentence": None, "label": 0}], "Row 0 .* nothing in column 'sentence'"),
    "a second text": (
        [{"sentence1": "a", "sentence2": "b"}, {"sentence1": "a", "sentence2": None}],
        "Row 1 .*sentence2",
    ),
    "another name": (
        [{"review": "good", "label": 1}, {"review": None, "label": 0}],
        "Row 1 .* nothing in column 'review'",
    ),
    "None among texts": (["good", None], "A sample is None"),
    "None in a pair": ([("good", 1), (None, 0)], r"A sample is \(None, 0\)"),
    "a dataset": (datasets.Dataset.from_dict({"text": ["good", "bad", None], "label": [1, 0, 1]}), "Row 2 .* 'text'"),
}


@pytest.mark.parametrize(("data", "message"), EMPTY.values(), ids=EMPTY)
def test_a_row_without_a_text(data, message):
    with pytest.raises(UsageError, match=message):
        list(batches_of(data, tiny_model("bert"), tiny_tokenizer()))


def test_a_row_without_an_image():
    with pytest.raises(UsageError, match="Row 0 .* nothing in column 'image'"):
        list(batches_of([{"image": None, "label": 1}], tiny_model("vit")))
