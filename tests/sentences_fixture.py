"""Tiny models of sentence-transformers: the package, and the directories where they lie."""

import sys
from importlib import import_module
from importlib.util import find_spec

import pytest
from sentences import PROMPTS
from tiny import tiny_model, tiny_tokenizer


@pytest.fixture(scope="module")
def sentence_transformers():
    """The package. It is taken away behind the last test, since where it is in use, stock models get our modules."""
    pytest.importorskip("compressed_tensors")
    yield pytest.importorskip("sentence_transformers")
    sys.modules.pop("sentence_transformers")


@pytest.fixture(scope="module")
def sentences(sentence_transformers, tmp_path_factory):
    """Directories of float models: `mean` and `cls` are those of a SentenceTransformer, `pairs` of a CrossEncoder."""
    folder = tmp_path_factory.mktemp("sentences")
    bert, judge, tokenizer = tiny_model("bert").bert, tiny_model("bert", num_labels=1), tiny_tokenizer()
    for model, name in ((bert, "base"), (judge, "judge")):
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    is_new = find_spec("sentence_transformers.sentence_transformer") is not None  # from version 6 on
    parts = import_module(f"sentence_transformers.{'sentence_transformer.modules' if is_new else 'models'}")
    for pooling in ("mean", "cls"):
        modules = [parts.Transformer(str(folder / "base")), parts.Pooling(16, pooling)]
        modules += [parts.Dense(16, 8), parts.Normalize()] if pooling == "mean" else []
        model = sentence_transformers.SentenceTransformer(
            modules=modules, device="cpu", prompts=PROMPTS, similarity_fn_name="dot" if pooling == "cls" else None
        )
        model.save_pretrained(str(folder / pooling))
    sentence_transformers.CrossEncoder(str(folder / "judge"), device="cpu").save_pretrained(str(folder / "pairs"))
    return folder
