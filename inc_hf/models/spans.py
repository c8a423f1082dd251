"""Questions with the texts of their answers, as of SQuAD, for models that mark the answer among the tokens."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch import nn

from inc_hf.errors import UsageError, usage_error_for
from inc_hf.models.labels import IGNORED

QUESTION, CONTEXT, ANSWERS = "question", "context", "answers"
TEXT, START = "text", "answer_start"


def has_answers(sample: Mapping[str, Any], model: nn.Module) -> bool:
    """Whether a sample is a question about a text with the texts of its answers, and the model looks for those."""
    if not all(isinstance(sample.get(name), str) for name in (QUESTION, CONTEXT)) or ANSWERS not in sample:
        return False
    return "start_positions" in inspect.signature(model.forward).parameters


def marked_tokens(sample: Mapping[str, Any], tokenizer: Any, row: int, **settings: Any) -> dict[str, Any]:
    """The tokens of a question and its text, and the first and the last one of the first answer.

    A question without an answer has the place of the class token, as in SQuAD 2.0; one whose answer was cut off with
    the end of a long text is not counted.

    Args:
        row (`int`): the number of the sample, for messages.
        settings: how texts are cut.

    Raises:
        ValueError: the answers are in another form, or the tokenizer cannot tell where in the text a token is.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise UsageError(
            f"The data holds the texts of answers, and {type(tokenizer).__name__} cannot tell where in the text a "
            "token is; give `start_positions` and `end_positions`, or a fast tokenizer."
        )
    found = _answer_of(sample, row)
    with usage_error_for(f"The tokenizer does not take row {row} (the first is 0)"):
        encoded = tokenizer(sample[QUESTION], sample[CONTEXT], **settings)
    if found is None:
        ids, class_token = encoded["input_ids"], tokenizer.cls_token_id
        first = last = ids.index(class_token) if class_token in ids else 0
    else:
        first, last = (encoded.char_to_token(place, sequence_index=1) for place in found)
        if first is None or last is None:
            first = last = IGNORED
    return {**encoded, "start_positions": first, "end_positions": last}


def _answer_of(sample: Mapping[str, Any], row: int) -> tuple[int, int] | None:
    """The first and the last character of the first answer, None if there is none."""
    answers, context = sample[ANSWERS], sample[CONTEXT]
    texts, starts = (answers.get(name) if isinstance(answers, Mapping) else None for name in (TEXT, START))
    if not isinstance(texts, list) or not isinstance(starts, list) or len(texts) != len(starts):
        raise UsageError(
            f"Row {row} (the first is 0) has {ANSWERS!r} in another form than SQuAD's, "
            f"{{'{TEXT}': [...], '{START}': [...]}} with one place in {CONTEXT!r} for each text."
        )
    if not texts:
        return None
    text, start = texts[0], starts[0]
    if not text or context[start : start + len(text)] != text:
        raise UsageError(
            f"Row {row} (the first is 0) has the answer {text!r} at character {start}, where {CONTEXT!r} has "
            f"{context[start : start + len(text)]!r}; `{START}` counts characters from 0."
        )
    return start, start + len(text) - 1
