"""A folder as a user of `inc-hf train` has it: models, and labelled files with words as labels."""

import json
import os
import random
import shutil
from pathlib import Path

import pytest
from tiny import WORDS, tiny_model, tiny_tokenizer

LABELS = ("bad", "good")


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    """Texts, and whether a word of praise is in them; both labels are there."""
    texts = [" ".join(random.Random(seed + i).choices(WORDS, k=6)) for i in range(count - 2)]
    texts += ["a good film", "a bad plot"]
    return [(text, LABELS["good" in text.split() or "great" in text.split()]) for text in texts]


def table(rows: list[tuple], columns: str = "sentence\tlabel") -> str:
    return "\n".join([columns, *("\t".join(map(str, row)) for row in rows)]) + "\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    model, tokenizer = tiny_model("bert"), tiny_tokenizer()
    model.config.id2label, model.config.label2id = dict(enumerate(LABELS)), {name: i for i, name in enumerate(LABELS)}
    for name, part in (("classifier", model), ("encoder", model.base_model)):
        part.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    (folder / "train.tsv").write_text(table(sentences(62, 0)))
    (folder / "validation.tsv").write_text(table(sentences(22, 1000)))
    (folder / "texts.txt").write_text("a good film\na bad plot\n")
    tagged = [{"tokens": text.split(), "ner_tags": ["O", "X", "O"]} for text in ("the good film", "a dull plot")]
    (folder / "tagged.json").write_text("\n".join(map(json.dumps, tagged)))
    asked = {
        "question": "what was good",
        "context": "the film was good",
        "answers": {"text": ["film"], "answer_start": [4]},
    }
    (folder / "asked.json").write_text("\n".join([json.dumps(asked)] * 2))
    return folder


@pytest.fixture
def here(files, tmp_path, monkeypatch) -> Path:
    """A copy of it as the working directory, and a cache of its own."""
    shutil.copytree(files, tmp_path / "user")
    monkeypatch.chdir(tmp_path / "user")
    monkeypatch.setenv("INC_HF_HOME", str(tmp_path / "cache"))
    return tmp_path / "user"


def everything(folder: Path) -> list[str]:
    """Below a folder, with the times of their last change."""
    return sorted(f"{path} {os.stat(path).st_mtime_ns}" for path in folder.rglob("*"))
