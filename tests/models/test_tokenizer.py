"""The tokenizer of a checkpoint, if it has one."""

import pytest
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
