"""Samples of words with a tag each, as of CoNLL, for models that tell what each token is."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from inc_hf.errors import UsageError
from inc_hf.models.labels import IGNORED, TAG_NAMES, label_numbers

WORD_COLUMNS = ("tokens", "words", "sentence", "text")
TAG_COLUMNS = ("labels", "label", *TAG_NAMES)


def word_columns(sample: Mapping[str, Any], model: nn.Module) -> tuple[str, str | None] | None:
    """The columns of the words and of their tags, None where there are no words, or the model tags none."""
    if not type(model).__name__.endswith("ForTokenClassification"):
        return None
    tags = next((name for name in TAG_COLUMNS if _is_flat(sample.get(name))), None)
    for name in WORD_COLUMNS:
        is_words = _is_flat(sample.get(name)) and all(isinstance(word, str) for word in sample[name])
        if is_words and (tags is not None or name in WORD_COLUMNS[:2]):
            return name, tags
    return None


def _is_flat(value: Any) -> bool:
    return isinstance(value, list | tuple) and bool(value) and not any(isinstance(v, list | tuple) for v in value)


def tagged_tokens(
    sample: Mapping[str, Any],
    columns: tuple[str, str | None],
    model: nn.Module,
    tokenizer: Any,
    row: int,
    **settings: Any,
) -> dict[str, Any]:
    """The tokens of words; the tag of a word belongs to its first token, the others are not counted.

    Args:
        row (`int`): the number of the sample, for messages.
        settings: how texts are cut.

    Raises:
        ValueError: there are more or fewer tags than words, or the tokenizer cannot tell which word a token is of.
    """
    words, tags = list(sample[columns[0]]), columns[1]
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(
            f"Column {columns[0]!r} holds words, and {type(tokenizer).__name__} cannot tell which token is of which "
            "word; give `input_ids` and `labels`, or a fast tokenizer."
        )
    encoded = tokenizer(words, is_split_into_words=True, **settings)
    if tags is None:
        return dict(encoded)
    if len(sample[tags]) != len(words):
        raise UsageError(
            f"Row {row} (the first is 0) has {len(words)} words in {columns[0]!r} and {len(sample[tags])} tags in "
            f"{tags!r}; each word needs one."
        )
    numbers = label_numbers(list(sample[tags]), model, row)
    places = encoded.word_ids()
    firsts = [place is not None and place not in places[:i] for i, place in enumerate(places)]
    labels = [numbers[place] if is_first else IGNORED for place, is_first in zip(places, firsts, strict=True)]
    return {**encoded, "labels": labels}
