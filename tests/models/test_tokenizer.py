"""The tokenizer of a checkpoint, if it has one."""

import pytest
import transformers
from tiny import tiny_model, tiny_tokenizer

from inc_hf.models.tokenizer import load_tokenizer


@pytest.mark.parametrize("removed", [(), ("tokenizer_config.json",)], ids=["of today", "of old"])
def test_its_words(tmp_path, removed):
    tiny_tokenizer().save_pretrained(tmp_path)
    tiny_model("bert").config.save_pretrained(tmp_path)
    for name in removed:
        (tmp_path / name).unlink()
    assert load_tokenizer(tmp_path).get_vocab() == tiny_tokenizer().get_vocab()


@pytest.mark.parametrize("model", ["bert", "vit"])
def test_none(tmp_path, model):
    """transformers would make up an empty one, for which all words are unknown."""
    tiny_model(model).save_pretrained(tmp_path)
    assert load_tokenizer(tmp_path) is None


@pytest.mark.parametrize(
    ("model", "processor"),
    [
        ("vit", transformers.ViTImageProcessor(size={"height": 16, "width": 16})),
        ("bert", transformers.Wav2Vec2FeatureExtractor(return_attention_mask=True)),
    ],
    ids=["images", "sound"],
)
def test_a_processor(tmp_path, model, processor):
    tiny_model(model).config.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    assert type(load_tokenizer(tmp_path)).__name__.startswith(type(processor).__name__)


def test_a_processor_of_no_known_kind(tmp_path, caplog):
    tiny_model("vit").config.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").write_text('{"image_processor_type": "Unheard"}')
    assert load_tokenizer(tmp_path) is None and "processor of" in caplog.text
