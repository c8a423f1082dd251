"""Example inputs: those of the model's processor, and those that are asked for."""

import pytest
import torch
from tiny import MODELS, MORE_INPUTS, SEQ2SEQ, tiny_model
from transformers import PLBartConfig, PLBartForSequenceClassification

from inc_hf.models.examples import example, usual_inputs
from inc_hf.models.makers import Sizes

TEXT = ["input_ids", "attention_mask"]
USUAL = {
    "bert": [*TEXT, "token_type_ids"],
    "gpt2": TEXT,
    "deberta": TEXT,
    "roberta": TEXT,
    "layoutlm": ["input_ids", "bbox", "attention_mask", "token_type_ids"],
    "markuplm": ["input_ids", "xpath_tags_seq", "xpath_subs_seq", "attention_mask", "token_type_ids"],
    "tapas": [*TEXT, "token_type_ids"],
    "hubert": ["input_values", "attention_mask"],
    "clip": ["input_ids", "pixel_values", "attention_mask"],
    "vit": ["pixel_values"],
    "t5": [*TEXT, "decoder_input_ids"],
}


@pytest.mark.parametrize("name", USUAL)
def test_usual_inputs(name):
    assert usual_inputs(tiny_model(name)) == USUAL[name]


@pytest.mark.parametrize("name", [*MODELS, *MORE_INPUTS])
def test_models_take_batches_of_several_sizes(name):
    model = tiny_model(name)
    for sizes in (Sizes(), Sizes(batch=3, tokens=7, sound=12000)):
        batch = example(model, sizes)
        with torch.no_grad():
            model(**batch)
        assert {len(tensor) for tensor in batch.values()} == {sizes.batch}


def test_optional_inputs():
    model = tiny_model("bert")
    assert usual_inputs(model, ["position_ids"]) == [*USUAL["bert"], "position_ids"]
    assert usual_inputs(model, ["inputs_embeds"]) == ["attention_mask", "token_type_ids", "inputs_embeds"]
    with torch.no_grad():
        model(**example(model, names=usual_inputs(model, ["inputs_embeds", "position_ids"])))
    with pytest.raises(ValueError, match=r"BertForSequenceClassification has no inputs \['boxes'\], only input_ids, "):
        example(model, names=["input_ids", "boxes"])
    with pytest.raises(ValueError, match="What `past` of .* looks like is not known|has no inputs"):
        example(tiny_model("gpt2"), names=["input_ids", "past"])


def test_a_tokenizer_that_needs_a_package_which_is_not_there():
    model = PLBartForSequenceClassification(PLBartConfig(**{**SEQ2SEQ, "vocab_size": 96}))
    assert usual_inputs(model) == ["input_ids", "attention_mask"]
