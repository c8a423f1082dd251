"""The license of a model is that of the one it was made of."""

from pathlib import Path

import pytest
from fakehub import Repo
from huggingface_hub import ModelCard
from tiny import quantized, tiny_model

from inc_hf.results.license import told_by_base

pytest_plugins = ["hub_fixture"]
CARD = "---\nlicense: other\nlicense_name: mine\nlanguage: de\ntags: [theirs]\n---\n"
TAKEN = {"license": "other", "license_name": "mine", "language": "de"}


def test_from_the_hub(logged_in, tmp_path):
    """When it is pushed: to save a model asks nobody."""
    logged_in.repos["user/base"] = Repo(commits={"1" * 40: {"README.md": CARD.encode()}}, refs={"main": "1" * 40})
    model = tiny_model("bert")
    model.config.name_or_path = "user/base"
    result = quantized(model)
    asked = list(logged_in.requests)
    result.save_pretrained(tmp_path / "out")
    assert logged_in.requests == asked and ModelCard.load(tmp_path / "out" / "README.md").data.license is None
    result.push_to_hub("user/x")
    data = ModelCard(logged_in.files("user/x")["README.md"].decode()).data
    assert {key: getattr(data, key) for key in TAKEN} == TAKEN
    assert data.base_model == "user/base" and "theirs" not in data.tags


def test_what_the_owner_wrote_on_the_hub_stays(logged_in):
    result = quantized("bert")
    result.push_to_hub("user/x")
    files = logged_in.files("user/x")
    files["README.md"] = files["README.md"].replace(b"tags:\n", b"license: mit\ntags:\n") + b"\nMy words.\n"
    result.push_to_hub("user/x", commit_message="Again")
    card = ModelCard(logged_in.files("user/x")["README.md"].decode())
    assert card.data.license == "mit" and "My words." in card.text and card.text.count("## Limits") == 1


def test_from_a_directory_and_kept_when_it_is_replaced(tmp_path):
    tiny_model("bert").save_pretrained(tmp_path / "base")
    (tmp_path / "base" / "README.md").write_text(CARD)
    model = type(tiny_model("bert")).from_pretrained(tmp_path / "base")
    result = quantized(model)
    out = result.save_pretrained(tmp_path / "out")
    assert ModelCard.load(out / "README.md").data.license_name == "mine"
    (out / "README.md").write_text((out / "README.md").read_text() + "\nMy words.\n")
    result.save_pretrained(out, overwrite=True)
    text = (out / "README.md").read_text()
    assert "My words." in text and text.count("## Limits") == 1 and str(tmp_path) not in text


@pytest.mark.parametrize("text", [None, "# No card", "---\nlicense: [mit\n---\n"], ids=["none", "no card", "broken"])
def test_a_base_that_says_nothing(text, tmp_path):
    if text is not None:
        Path(tmp_path / "README.md").write_text(text)
    assert told_by_base(tmp_path) == told_by_base("user/not-here") == told_by_base("") == told_by_base("a b/c") == {}
