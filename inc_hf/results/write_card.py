"""A model card written beside its model, behind the one that a model of sentence-transformers has."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard
from torch import nn
from yaml import YAMLError

from inc_hf.checkpoint.plain import is_plain
from inc_hf.checkpoint.stale import CARD, is_card
from inc_hf.models.sentence_files import sentence_class


def write_card(make: Callable[..., ModelCard], model: nn.Module, summary: Mapping[str, Any], directory: Path) -> None:
    """Write the card that `make` makes to the `directory` of a saved model.

    The card of a model of sentence-transformers that lies there stays, with ours behind it. A plain module has none.
    """
    if is_plain(model):
        return
    sentence = sentence_class(directory)
    card = make(model, summary, sentence)
    if sentence is not None and is_card(directory / CARD):
        card = _behind(directory / CARD, card)
    card.save(directory / CARD)


def _behind(path: Path, ours: ModelCard) -> ModelCard:
    """Another card, with what ours says after its end, and with our tags."""
    text = path.read_text(encoding="utf-8")
    try:
        card = ModelCard(text)
    except (ValueError, YAMLError):  # its metadata are nobody's that could be read
        return ours
    card.data.library_name = card.data.library_name or ours.data.library_name
    card.data.tags = list(dict.fromkeys([*(card.data.tags or []), *ours.data.tags]))
    if ours.data.base_model:
        card.data.base_model, card.data.base_model_relation = ours.data.base_model, ours.data.base_model_relation
    card.text = f"{card.text.rstrip()}\n\n{ours.text.strip()}\n"
    return card
