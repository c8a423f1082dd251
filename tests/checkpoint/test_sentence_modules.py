"""A model from a directory of sentence-transformers is saved with what lay beside it; that package is not needed."""

import json

import pytest
from huggingface_hub import ModelCard
from sentences import BESIDE, TEXTS, write_sentence_model
from tiny import quantized, tiny_model
from transformers import AutoModel, BertForMaskedLM, BertModel

from inc_hf import IncQuantizer, PostTrainingQuantConfig, mix_precision, optimize
from inc_hf.commands.main import main
from inc_hf.models.tasks import auto_class_of

DYNAMIC = PostTrainingQuantConfig(approach="dynamic")
NOT_CARD = {name: text for name, text in BESIDE.items() if name != "README.md"}


@pytest.fixture
def source(tmp_path):
    return write_sentence_model(tmp_path / "source")


def copied(directory):
    """What of `BESIDE` a directory has, as it was."""
    return {name for name, text in NOT_CARD.items() if (directory / name).is_file()} | (
        {"README.md"} if "As it was." in (directory / "README.md").read_text() else set()
    )


def quantize(source, out, **settings):
    IncQuantizer.from_pretrained(source).quantize(DYNAMIC, out, **settings)


def by_command(source, out):
    assert main(["quantize", str(source), "-o", str(out)]) == 0


def by_mixing(source, out):
    mix_precision.fit(AutoModel.from_pretrained(source)).save_pretrained(out)


WAYS = {
    "IncQuantizer": quantize,
    "of a loaded model": lambda source, out: quantized(AutoModel.from_pretrained(source)).save(out),
    "inc-hf quantize": by_command,
    "bfloat16": by_mixing,
}


@pytest.mark.parametrize("save", WAYS.values(), ids=WAYS)
def test_everything_is_copied(save, source, tmp_path):
    save(source, tmp_path / "out")
    assert copied(tmp_path / "out") == BESIDE.keys()
    assert all((tmp_path / "out" / name).read_text() == text for name, text in NOT_CARD.items())


def test_over_another_one(source, tmp_path):
    old = write_sentence_model(tmp_path / "old", **{"config_sentence_transformers.json": "{}", "notes.txt": "mine"})
    quantize(source, old, overwrite=True)
    assert copied(old) == BESIDE.keys() and (old / "notes.txt").read_text() == "mine"
    assert all((old / name).read_text() == text for name, text in NOT_CARD.items())


def test_the_card_says_what_it_said_and_how_the_model_is_loaded(source, tmp_path):
    quantize(source, tmp_path / "out")
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.tags == ["sentence-transformers", "int8", "quantized", "cpu", "inc_hf"]
    assert card.data.license == "mit" and card.data.library_name == "sentence-transformers"
    assert card.text.index("As it was.") < card.text.index("# BertModel, quantized")
    assert "import inc_hf\nfrom sentence_transformers import SentenceTransformer\n\nmodel = inc_hf" in card.text


@pytest.mark.parametrize("text", [None, "no card", "---\n: : [\n---\nbroken"], ids=["none", "notes", "damaged"])
def test_without_a_card(text, tmp_path):
    quantize(write_sentence_model(tmp_path / "source", **{"README.md": text}), tmp_path / "out")
    card = ModelCard.load(tmp_path / "out" / "README.md")
    assert card.data.library_name == "sentence-transformers" and "SentenceTransformer(" in card.text


def test_a_cross_encoder(tmp_path):
    settings = {
        "sentence_bert_config.json": json.dumps({"transformer_task": "sequence-classification"}),
        "config_sentence_transformers.json": json.dumps({"model_type": "CrossEncoder"}),
    }
    quantize(write_sentence_model(tmp_path / "source", tiny_model("bert"), **settings), tmp_path / "out")
    assert copied(tmp_path / "out") == BESIDE.keys()
    assert "from sentence_transformers import CrossEncoder" in (tmp_path / "out" / "README.md").read_text()


@pytest.mark.parametrize("entry", ["sentence_transformers", "sbert_ce_default_activation_function"])
def test_an_older_cross_encoder(entry, tmp_path):
    """Its config tells; it has no list of modules."""
    model = tiny_model("bert", **{entry: {}})
    quantize(write_sentence_model(tmp_path / "source", model, **dict.fromkeys(NOT_CARD)), tmp_path / "out")
    assert copied(tmp_path / "out") == {"README.md"}
    assert entry in json.loads((tmp_path / "out" / "config.json").read_text())
    assert "from sentence_transformers import CrossEncoder" in (tmp_path / "out" / "README.md").read_text()


def test_modules_with_code_of_their_own(tmp_path):
    modules = json.dumps([{"path": "", "type": "custom.Encoder"}])
    source = write_sentence_model(tmp_path / "source", **{"modules.json": modules, "custom.py": "class Encoder: ..."})
    quantize(source, tmp_path / "out")
    assert (tmp_path / "out" / "custom.py").read_text() == "class Encoder: ..."


@pytest.mark.parametrize("model", ["other head", "moved away", "other place"])
def test_nothing_is_copied_for_another_model(model, source, tmp_path):
    """A classifier that was trained on top, or where the model was loaded from is gone."""
    loaded = AutoModel.from_pretrained(source)
    if model == "other head":
        loaded = tiny_model("bert")
        loaded.name_or_path = str(source)
    elif model == "moved away":
        source.rename(tmp_path / "elsewhere")
    else:
        loaded.name_or_path = "/no where/at all"
    quantized(loaded).save(tmp_path / "out")
    assert not (tmp_path / "out" / "modules.json").exists()


def test_the_class_is_that_of_sentence_transformers(source, tmp_path):
    """The config may name an older one, whose head is not in the checkpoint."""
    assert auto_class_of(source) is BertModel
    config = json.loads((source / "config.json").read_text())
    for named in (["BertForMaskedLM"], None):
        (source / "config.json").write_text(json.dumps(config | {"architectures": named}))
        assert auto_class_of(source) is AutoModel
    (source / "modules.json").unlink()
    (source / "config.json").write_text(json.dumps(config | {"architectures": ["BertForMaskedLM"]}))
    assert auto_class_of(source) is BertForMaskedLM


DAMAGED = {
    "no list": ("{}", "modules.json is damaged: it must be a list of modules"),
    "no JSON": ("[", "modules.json is damaged"),
    "empty": ("[]", "modules.json is damaged"),
    "no path": ('[{"type": "a"}]', "modules.json is damaged"),
    "a path out of it": ('[{"type": "a", "path": ""}, {"type": "a", "path": "../x"}]', "modules.json is damaged"),
    "an absolute path": ('[{"type": "a", "path": ""}, {"type": "a", "path": "/etc"}]', "modules.json is damaged"),
    "elsewhere": (
        '[{"type": "a", "path": "0_Transformer"}]',
        "whose encoder lies in 0_Transformer/, where transformers does not look; load it with `SentenceTransformer`",
    ),
}


@pytest.mark.parametrize("modules, match", DAMAGED.values(), ids=DAMAGED)
def test_what_cannot_be_read(modules, match, tmp_path, capsys):
    source = write_sentence_model(tmp_path / "source", **{"modules.json": modules})
    with pytest.raises(ValueError, match=match):
        IncQuantizer.from_pretrained(source)
    assert main(["quantize", str(source), "-o", str(tmp_path / "out")]) == 2
    assert match in " ".join(capsys.readouterr().err.split()) and not (tmp_path / "out").exists()


def test_commands_that_read_it(source, tmp_path, capsys):
    texts = tmp_path / "texts.txt"
    texts.write_text("\n".join(TEXTS))
    how = ["--approach", "static", "--texts", str(texts), "--samples", "4"]
    assert main(["quantize", str(source), "-o", str(tmp_path / "out"), *how]) == 0
    assert main(["info", str(tmp_path / "out")]) == 0
    assert "BertModel" in capsys.readouterr().out
    optimize(AutoModel.from_pretrained(tmp_path / "out"))
