"""What of a card is ours, and what stays when it is made anew."""

import pytest
from huggingface_hub import ModelCard

from inc_hf.checkpoint.card_text import BEGIN, END, is_marked, marked, merged

OURS = f"---\nlicense: mit\ntags:\n- int8\nmetrics:\n- f1\nbase_model: user/base\n---\n\n{marked('# Ours')}"


def test_twice_is_once():
    assert merged(OURS, OURS).strip() == OURS.strip()
    assert merged(merged("Mine.\n", OURS), OURS) == merged("Mine.\n", OURS)


def test_around_our_part():
    older = f"---\nlicense: other\ntags: [mine, bf16]\nbase_model: user/older\n---\nA\n{BEGIN}\nold\n{END}\nB\n"
    card = ModelCard(merged(older, OURS))
    assert card.text.split() == f"A {marked('# Ours')} B".split()
    assert card.data.tags == ["mine", "int8"] and card.data.metrics == ["f1"]
    assert (card.data.license, card.data.base_model) == ("other", "user/base")
    assert ModelCard(merged(older, OURS, ["license"])).data.license == "mit"


@pytest.mark.parametrize("text", [f"{BEGIN}\nno end", "no part of ours", END], ids=["no end", "none", "no beginning"])
def test_nothing_is_lost_where_a_mark_is(text):
    made = merged(f"---\nlicense: mit\n---\n{text}\n", OURS)
    assert text in made and made.rstrip().endswith(END) and is_marked(made)


def test_one_tag_that_is_no_list():
    assert ModelCard(merged("---\ntags: mine\n---\n", OURS)).data.tags == ["mine", "int8"]
