"""How many tokens a model takes: as many work, and with learned positions one more does not."""

import pytest
import torch
import transformers
from tiny import ENCODER, VOCABULARY, tiny_model, tiny_tokenizer

from inc_hf.models.batches import batches_of
from inc_hf.models.limits import text_limit

SIZE = {"vocab_size": VOCABULARY, "max_position_embeddings": 34}
BEHIND_PADDING = {
    "roberta": {},
    "xlm-roberta": {},
    "camembert": {},
    "mpnet": {},
    "esm": {"mask_token_id": 4},
    "roberta-prelayernorm": {},
    "data2vec-text": {},
    "ibert": {},
    "longformer": {"attention_window": [4]},
    "luke": {"entity_vocab_size": 8, "entity_emb_size": 16},
}
OTHERS = {"bert": 34, "opt": 34, "gpt2": 34, "bart": 34, "modernbert": 34, "llama": 34, "t5": None, "deberta": None}


def model_of(name: str) -> transformers.PreTrainedModel:
    if name in BEHIND_PADDING:
        config = transformers.AutoConfig.for_model(
            name, **{**ENCODER, **SIZE, "pad_token_id": 1, **BEHIND_PADDING[name]}
        )
        return transformers.AutoModel.from_config(config).eval()
    if name == "modernbert":
        config = transformers.ModernBertConfig(**ENCODER, **SIZE, pad_token_id=1)
        return transformers.ModernBertModel(config).eval()
    sizes = {"gpt2": {"n_positions": 34}, "t5": {}, "deberta": {"position_biased_input": False, **SIZE}}
    return tiny_model(name, **sizes.get(name, SIZE))


def takes(model, length: int) -> bool:
    ids = torch.full((1, length), 5)
    try:
        with torch.no_grad():
            model(input_ids=ids, **({"decoder_input_ids": ids[:, :2]} if model.config.is_encoder_decoder else {}))
    except (IndexError, RuntimeError, ValueError):
        return False
    return True


@pytest.mark.parametrize("name", BEHIND_PADDING)
def test_positions_behind_the_padding_index(name):
    model = model_of(name)
    assert text_limit(model) == 32 and takes(model, 32) and not takes(model, 33)


@pytest.mark.parametrize("name", OTHERS)
def test_others(name):
    model = model_of(name)
    assert text_limit(model) == OTHERS[name] and takes(model, OTHERS[name] or 60)
    assert takes(model, 35) == (name in ("modernbert", "llama", "t5", "deberta"))


@pytest.mark.parametrize(
    ("positions", "of_tokenizer", "expected"), [(1000, 700, 700), (700, 1000, 700), (1000, int(1e30), 1000)]
)
def test_more_than_512_where_there_are_more(positions, of_tokenizer, expected):
    tokenizer = tiny_tokenizer()
    tokenizer.model_max_length = of_tokenizer
    model = tiny_model("bert", max_position_embeddings=positions)
    [batch] = batches_of(["film " * 2000], model, tokenizer)
    assert batch["input_ids"].shape == (1, expected)


def test_no_limit_at_all():
    tokenizer = tiny_tokenizer()
    tokenizer.model_max_length = int(1e30)
    [batch] = batches_of(["film " * 2000], tiny_model("t5"), tokenizer)
    assert batch["input_ids"].shape == (1, 2002)


def test_two_texts_share_the_limit():
    model = tiny_model("roberta", max_position_embeddings=20, pad_token_id=1)
    [batch] = batches_of([("film " * 50, "plot " * 50)], model, tiny_tokenizer())
    assert batch["input_ids"].shape == (1, 18)


def test_of_a_model_that_another_runtime_computes():
    class Elsewhere(torch.nn.Module):
        config = transformers.RobertaConfig(**ENCODER, **SIZE, pad_token_id=1)

    assert text_limit(Elsewhere()) == 32


def test_of_a_module_without_a_config():
    assert text_limit(torch.nn.Linear(2, 2)) is None
