"""examples/embed_sentences.py: what it prints and keeps is what the models say."""

import re

import numpy as np
import pytest
from example_scripts import EMBED, script
from sentences import TEXTS

from inc_hf import optimize

pytest_plugins = ["sentences_fixture"]


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "sentences.txt"
    path.write_text("\n\n".join(TEXTS) + "\n")
    return path


def test_speeds_and_agreement(sentences, sentence_transformers, texts, tmp_path, capsys):
    keep = ["--save", str(tmp_path / "int8"), "--output", str(tmp_path / "embeddings.npy"), "--batch_size", "3"]
    script(EMBED).main(["--model", str(sentences / "mean"), "--texts", str(texts), *keep])
    fp32, int8, ratio, mean, least = map(
        float,
        re.fullmatch(
            r"FP32: (\S+) texts/s\nINT8: (\S+) texts/s, (\S+) x FP32\ncosine with FP32: mean (\S+), least (\S+)\n",
            capsys.readouterr().out,
        ).groups(),
    )
    assert fp32 > 0 and int8 / fp32 == pytest.approx(ratio, rel=0.02)
    load = sentence_transformers.SentenceTransformer
    found, expected = np.load(tmp_path / "embeddings.npy"), load(str(sentences / "mean"), device="cpu").encode(TEXTS)
    cosines = (found * expected).sum(1)  # the model normalizes them
    assert mean == pytest.approx(cosines.mean(), abs=2e-5) and least == pytest.approx(cosines.min(), abs=2e-5)
    assert least > 0.999
    kept = optimize(load(str(tmp_path / "int8"), device="cpu"))
    np.testing.assert_allclose(kept.encode(TEXTS, batch_size=3), found, atol=1e-6)


def test_prompts(sentences, texts, tmp_path):
    output = tmp_path / "embeddings.npy"
    for prompt, same in (("query", False), ("document", True)):  # the second is empty
        given = ["--model", str(sentences / "cls"), "--texts", str(texts), "--output", str(output)]
        script(EMBED).main(given)
        plain = np.load(output)
        script(EMBED).main([*given, "--prompt_name", prompt])
        assert np.array_equal(np.load(output), plain) is same


def test_no_text(sentences, tmp_path):
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n")
    with pytest.raises(ValueError, match="empty.txt has no text; put one sentence on each line"):
        script(EMBED).main(["--model", str(sentences / "cls"), "--texts", str(empty)])
