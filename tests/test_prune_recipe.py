"""The recipe is chosen on training sentences that nothing was trained on, and its table has mean and spread."""

import importlib
import json
import random
import sys
from pathlib import Path

import pytest
from tiny import tiny_model, tiny_tokenizer

ROOT = Path(__file__).parents[1]
WORDS = [f"w{i}" for i in range(200)]


@pytest.fixture
def recipe(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "scripts")
    return lambda name: importlib.import_module(f"recipe.{name}")


@pytest.fixture
def rows():
    """Sentences of ten words, and phrases of them as GLUE has them."""
    draw = random.Random(1)
    sentences = [(" ".join(draw.choices(WORDS, k=10)), draw.randrange(2)) for _ in range(100)]
    phrases = [(" ".join(sentence.split()[2:8]), label) for sentence, label in sentences]
    return sentences + phrases


def test_rows_that_are_kept_back_are_no_part_of_those_to_train_on(recipe, rows, monkeypatch):
    data = recipe("data")
    monkeypatch.setattr(data, "KEPT_BACK", 20)
    train, kept = data.keep_back(rows)
    assert len(kept) == 20
    assert len(train) == 160  # neither the 20 nor their phrases
    assert not [a for a, _ in train for b, _ in kept if a in b or b in a]


def test_validation_sentences_are_read_only_to_judge(recipe, rows, tmp_path, monkeypatch):
    data = recipe("data")
    monkeypatch.setattr(data, "KEPT_BACK", 20)
    write(tmp_path / "train.tsv", rows)
    split = data.load_splits(tmp_path, tokenize, 30, seed=0, judge=False)
    assert (len(split.train), len(split.test)) == (30, 20)
    write(tmp_path / "validation.tsv", rows[:3])
    assert len(data.load_splits(tmp_path, tokenize, 30, seed=0, judge=True).test) == 3
    assert len(data.load_splits(tmp_path, tokenize, 200, seed=0, judge=True).train) == 200
    with pytest.raises(SystemExit, match="independent"):
        data.load_splits(tmp_path, tokenize, 200, seed=0, judge=False)


def write(path, rows):
    path.write_text("sentence\tlabel\n" + "".join(f"{sentence}\t{label}\n" for sentence, label in rows))


def tokenize(sentences, **kwargs):
    ids = [[WORDS.index(word) for word in sentence.split()] for sentence in sentences]
    return {"input_ids": ids, "attention_mask": [[1] * len(row) for row in ids]}


def test_losses_are_against_the_dense_model_of_the_same_seed(recipe):
    lines = [entry("dense", seed, 0.9 + seed / 10) for seed in (0, 1)]
    lines += [entry("base", 0, 0.81), entry("base", 1, 0.95)]
    row = recipe("table").render(lines).splitlines()[-2]  # "dense" is the last
    accuracy = "88.00% ± 9.90%"
    assert (
        row
        == f"| kept back | 100 | base | 80% | 5 | 2 | {accuracy} | {accuracy} | 7.50% ± 3.54% | 0.100 | 70% … 90% |"
    )


def entry(trial, seed, accuracy):
    common = {"sentences": 100, "judge": False, "sparsity": 0.8, "epochs": 5, "layers": [0.7, 0.9]}
    return {"trial": trial, "seed": seed, "fp32": accuracy, "int8": accuracy, "divergence": 0.1, **common}


def test_a_trial_is_trained_and_measured_once(recipe, monkeypatch, tmp_path):
    dense, output = tmp_path / "minilm", tmp_path / "runs"
    tiny_model("bert").save_pretrained(dense)
    tiny_tokenizer().save_pretrained(dense)
    monkeypatch.setattr(recipe("data"), "KEPT_BACK", 20)
    script = importlib.import_module("prune_recipe")
    for module in (script, recipe("training")):
        monkeypatch.setattr(module, "minilm_directory", lambda: dense)
    write(tmp_path / "train.tsv", [(" ".join(f"{word}{i}" for word in "abcdefgh"), i % 2) for i in range(100)])
    options = ["--data", str(tmp_path), "--output", str(output), "--sentences", "64", "--epochs", "10", "--trials"]
    trials = ["cap-0.9", "augmented", "steady"]
    for chosen in (trials[:2], trials):
        table = str(tmp_path / "table.md")
        monkeypatch.setattr(sys, "argv", ["prune_recipe.py", *options, *chosen, "--table", table])
        script.main()
    lines = [json.loads(line) for line in (output / "results.jsonl").read_text().splitlines()]
    assert [line["trial"] for line in lines] == ["dense", *trials]
    assert lines[0]["divergence"] == 0 and set(lines[0]["layers"]) == {0}
    assert not list(output.glob("*/trainer"))
    for line in lines[1:]:
        assert sum(line["layers"]) / len(line["layers"]) == pytest.approx(0.8, abs=0.01)
        assert 0 < line["divergence"] < 1
    assert "| kept back | 64 | steady | 80% | 10.0 | 1 |" in (tmp_path / "table.md").read_text()
