"""Labels as users have them: words, numbers of another order."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from inc_hf.errors import UsageError

PLACES = ("start_positions", "end_positions")  # of answers among the tokens
LABEL_COLUMNS = ("labels", "label", "label_ids", *PLACES)
IGNORED = -100  # stands for what is not to be counted, as everywhere in transformers
OTHER_NAMES = ("label", "label_ids")  # of "labels"
TAG_NAMES = ("ner_tags", "tags", "pos_tags", "chunk_tags")  # of those that words have


def ids_of_words(model: nn.Module) -> dict[str, int]:
    """`label2id` of the model's config; empty if it has none."""
    label2id = getattr(getattr(model, "config", None), "label2id", None)
    return dict(label2id) if isinstance(label2id, Mapping) else {}


def label_numbers(label: Any, model: nn.Module, row: int) -> Any:
    """A sample's label with words as the model's numbers; a list (of tokens) word by word.

    A model of several labels a sample takes the list of those that apply.

    Raises:
        ValueError: the model does not know a word.
    """
    if label is None:
        raise UsageError(f"The label in row {row} (the first is 0) is None; leave such samples out, or give it one.")
    if isinstance(label, str):
        return _number(label, ids_of_words(model), row)
    problem = getattr(getattr(model, "config", None), "problem_type", None)
    is_list = isinstance(label, list | tuple)
    has_words = is_list and any(isinstance(part, str) for part in label)
    if not has_words and not (is_list and not label and problem == "multi_label_classification"):
        return label
    numbers = [_number(part, ids_of_words(model), row) if isinstance(part, str) else part for part in label]
    if problem == "multi_label_classification":
        return [float(i in numbers) for i in range(model.config.num_labels)]
    return numbers


def _number(word: str, ids: dict[str, int], row: int) -> int:
    if word in ids:
        return ids[word]
    alike = {number for known, number in ids.items() if known.lower() == word.strip().lower()}
    if len(alike) == 1:
        return alike.pop()
    if word.strip() in {str(number) for number in ids.values()}:
        return int(word)
    known = ", ".join(repr(name) for name in list(ids)[:10]) + (", …" if len(ids) > 10 else "")
    raise UsageError(
        f"The label {word!r} in row {row} (the first is 0) is none of "
        f"the model's `label2id`, {known}; set `label2id` in its config, or give numbers."
    )


def order_of(data: Any, model: nn.Module) -> list[int] | None:
    """The model's number of each class of a dataset whose classes have the model's names in another order, or None."""
    features = getattr(data, "features", None)
    features = features if isinstance(features, Mapping) else {}
    kind = next((features[name] for name in ("label", "labels", *TAG_NAMES) if name in features), None)
    kind = getattr(kind, "feature", kind)  # of a list of labels
    names = [name.lower() for name in getattr(kind, "names", None) or []]
    ids = {name.lower(): number for name, number in ids_of_words(model).items()}
    if not names or sorted(names) != sorted(ids):
        return None
    order = [ids[name] for name in names]
    return None if order == sorted(order) else order


def in_order(label: Any, order: list[int] | None) -> Any:
    """A label in the model's order, see [`order_of`]; what is none of the classes stays."""
    if order is None:
        return label
    if isinstance(label, list | tuple):
        return [in_order(part, order) for part in label]
    return order[int(label)] if getattr(label, "ndim", 0) == 0 and 0 <= label < len(order) else label
