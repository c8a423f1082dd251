import random

import pytest

from inc_hf.demo import data
from inc_hf.demo.data import load_splits


def write_ratings(home, ratings: list[float]) -> None:
    """A ratings file as vaderSentiment has it: number, rating and text, by tabs; text i is "review i"."""
    lines = [f"{i}\t{rating}\treview {i}" for i, rating in enumerate(ratings)]
    (home / "movie_reviews.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("INC_HF_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def small(monkeypatch):
    """2 sentences to tune on, 3 held out, 5 to train on."""
    for name, size in (("TUNING", 2), ("HELD_OUT", 3), ("TRAINING", 5)):
        monkeypatch.setattr(data, f"{name}_SENTENCES", size)


def number_of(example: tuple[str, int]) -> int:
    return int(example[0].removeprefix("review "))


def test_sizes(home, small):
    write_ratings(home, [1.0] * 30)
    splits = load_splits(from_hub=False)
    assert (len(splits.train), len(splits.tuning), len(splits.held_out)) == (5, 2, 3)
    assert splits.source == "movie-review sentences"


def test_real_sizes(home):
    write_ratings(home, [2.0, -2.0] * 5000)
    splits = load_splits(from_hub=False)
    assert (len(splits.train), len(splits.tuning), len(splits.held_out)) == (5600, 600, 1600)


def test_nothing_is_in_two_splits(home, small):
    write_ratings(home, [1.0] * 10)
    splits = load_splits(from_hub=False)
    everything = [number_of(example) for example in [*splits.train, *splits.tuning, *splits.held_out]]
    assert sorted(everything) == list(range(10))


def test_labels_are_the_signs(home):
    ratings = [random.Random(0).choice([-3.5, -0.5, 0.5, 4.0]) for _ in range(40)]
    write_ratings(home, ratings)
    splits = load_splits(from_hub=False)
    examples = [*splits.train, *splits.tuning, *splits.held_out]
    assert len(examples) == 40
    assert all(label == int(ratings[number_of((text, label))] > 0) for text, label in examples)


def test_unclear_ratings_are_left_out(home):
    write_ratings(home, [0.5, 0.49, 0.0, -0.49, -0.5, -4.0])
    splits = load_splits(from_hub=False)
    examples = [*splits.train, *splits.tuning, *splits.held_out]
    assert sorted(examples) == [("review 0", 1), ("review 4", 0), ("review 5", 0)]


def test_shuffled_by_the_seed_alone(home, small):
    write_ratings(home, [1.0] * 30)
    random.seed(1)
    first = load_splits(from_hub=False)
    random.seed(2)
    assert load_splits(from_hub=False) == first
    assert load_splits(from_hub=False, seed=1) != first
    assert [number_of(example) for example in first.held_out] != [0, 1, 2]
