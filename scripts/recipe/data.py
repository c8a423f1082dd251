"""SST-2: what a recipe is trained on, what it is chosen by, and what judges it in the end."""

import random
from dataclasses import dataclass
from pathlib import Path

from transformers import PreTrainedTokenizerBase

KEPT_BACK = 2000
MIN_WORDS = 8  # of a sentence that is kept back: the validation set has few shorter ones, the training set many
RUN = 5  # GLUE's training rows are phrases of one another; those that share so many words in a row are not independent


@dataclass
class Split:
    """Rows of `input_ids`, `attention_mask` and `label`."""

    tokenizer: PreTrainedTokenizerBase
    train: list[dict]
    test: list[dict]


def read(path: Path) -> list[tuple[str, int]]:
    """Sentence and label of each row; the first names the columns."""
    rows = [line.rsplit("\t", 1) for line in path.read_text().splitlines()[1:]]
    return [(sentence, int(label)) for sentence, label in rows]


def runs_of_words(sentence: str) -> set[tuple[str, ...]]:
    words = sentence.split()
    return {tuple(words[i : i + RUN]) for i in range(len(words) - RUN + 1)}


def keep_back(rows: list[tuple[str, int]]) -> tuple[list[tuple[str, int]], list[tuple[str, int]]]:
    """Rows to train on and `KEPT_BACK` others, always the same, that share no run of words with them."""
    long = [row for row in rows if len(row[0].split()) >= MIN_WORDS]
    kept = random.Random(0).sample(long, KEPT_BACK)
    known = set().union(*(runs_of_words(sentence) for sentence, _ in kept))
    return [row for row in rows if known.isdisjoint(runs_of_words(row[0])) and row not in kept], kept


def load_splits(data: Path, tokenizer, sentences: int, seed: int, judge: bool) -> Split:
    """So many training rows, drawn by `seed`; the test is the validation set or rows kept back from the training set.

    All training rows are taken if `sentences` asks for them, else those that are independent of the rows kept back.
    """
    rows = read(data / "train.tsv")
    apart, kept = keep_back(rows)
    pool = apart if sentences <= len(apart) else rows
    if pool is rows and not judge:
        raise SystemExit(f"Only {len(apart)} training sentences are independent of those kept back; add --judge.")
    chosen = random.Random(seed).sample(pool, min(sentences, len(pool)))
    test = read(data / "validation.tsv") if judge else kept
    return Split(tokenizer, _encode(tokenizer, chosen), _encode(tokenizer, test))


def _encode(tokenizer: PreTrainedTokenizerBase, rows: list[tuple[str, int]]) -> list[dict]:
    encoded = tokenizer([sentence for sentence, _ in rows], truncation=True, max_length=128)
    keys = ("input_ids", "attention_mask")
    return [{k: encoded[k][i] for k in keys} | {"label": label} for i, (_, label) in enumerate(rows)]
