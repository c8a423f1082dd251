"""Samples of several lengths as one batch: what belongs to tokens stays with its token."""

import pytest
from PIL import Image
from tiny import ENCODER, VOCABULARY, tiny_model, tiny_tokenizer
from transformers import (
    BertConfig,
    BertForTokenClassification,
    CLIPImageProcessor,
    CLIPProcessor,
)

from inc_hf.models.batches import batches_of

BOX = [1, 2, 3, 4]


def batch_of(samples, model, side="right", tokenizer=True):
    processor = tiny_tokenizer() if tokenizer else None
    if tokenizer:
        processor.padding_side = side
    (batch,) = batches_of(samples, model, processor)
    return {name: tensor.tolist() for name, tensor in batch.items()}


@pytest.fixture(scope="module")
def tagger():
    return BertForTokenClassification(BertConfig(vocab_size=VOCABULARY, **ENCODER, num_labels=9))


TAGS = [{"input_ids": [5, 6, 7], "labels": [1, 2, 3], "position_ids": [4, 5, 6]}]
TAGS += [{"input_ids": [8], "labels": [4], "position_ids": [7]}]


@pytest.mark.parametrize("side", ["right", "left"])
def test_labels_of_tokens_are_padded_where_the_tokens_are(tagger, side):
    batch = batch_of(TAGS, tagger, side)
    by_token = {key: dict(zip(batch["input_ids"][1], batch[key][1], strict=True)) for key in batch}
    assert by_token["attention_mask"] == {8: 1, 0: 0}
    assert by_token["labels"] == {8: 4, 0: -100} and by_token["position_ids"] == {8: 7, 0: 0}


def test_a_text_that_is_to_be_written_is_padded_behind():
    batch = batch_of(
        [{"input_ids": [5, 6], "labels": [5, 6]}, {"input_ids": [7], "labels": [8]}], tiny_model("t5"), "left"
    )
    assert batch["input_ids"][1] == [0, 7] and batch["labels"][1] == [8, -100]


@pytest.mark.parametrize("tokenizer", [True, False], ids=["tokenizer", "without"])
def test_boxes(tokenizer):
    samples = [{"input_ids": [5, 6], "bbox": [BOX, BOX]}, {"input_ids": [7], "bbox": [BOX]}]
    batch = batch_of(samples, tiny_model("layoutlm"), tokenizer=tokenizer)
    assert batch["bbox"] == [[BOX, BOX], [BOX, [0] * 4]] and batch["attention_mask"] == [[1, 1], [1, 0]]


class TestImagesBesideTexts:
    samples = [{"text": text, "image": Image.new(mode, (40, 32))} for text, mode in (("a film", "RGB"), ("dull", "L"))]

    def test_by_a_processor_of_both(self):
        images = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
        model = tiny_model("clip")
        (batch,) = batches_of(self.samples, model, CLIPProcessor(image_processor=images, tokenizer=tiny_tokenizer()))
        assert batch["input_ids"].shape == (2, 4) and batch["pixel_values"].shape == (2, 3, 32, 32)
        model(**batch)

    def test_a_tokenizer_alone_says_so(self, caplog):
        (batch,) = batches_of(self.samples, tiny_model("clip"), tiny_tokenizer())
        assert "pixel_values" not in batch and "Images are left out: pass the processor" in caplog.text
