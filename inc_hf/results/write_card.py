"""What is written beside a saved model: `inc_config.json`, and a card with a picture that says the same to people."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf.atomic import write_text
from inc_hf.checkpoint.card_text import keep_words
from inc_hf.checkpoint.plain import is_plain
from inc_hf.checkpoint.stale import CARD, is_card
from inc_hf.results.about import about_files, compression_of
from inc_hf.results.card import card_of, picture_of
from inc_hf.results.card_picture import PICTURE
from inc_hf.version import versions

INC_CONFIG_NAME = "inc_config.json"


def tell(model: nn.Module, directory: Path, **story: Any) -> None:
    """Write all of it to the `directory` where `model` is saved.

    The card of a model of sentence-transformers that lies there stays, with ours behind it. A plain module has none.

    Args:
        story: how the model was made: `base_model`, `coverage`, `zeros`, `kernels`, `tuning`, …
    """
    summary = {**{f"{name}_version": version for name, version in versions().items()}, **story}
    if is_plain(model):
        write_summary(summary, directory)
        return
    write_card({**summary, "compression": compression_of(model, summary), **about_files(directory, model)}, directory)


def write_summary(summary: Mapping[str, Any], directory: Path) -> None:
    """Write `inc_config.json`."""
    write_text(directory / INC_CONFIG_NAME, json.dumps(summary, indent=2) + "\n")


def write_card(summary: Mapping[str, Any], directory: Path) -> None:
    """Write `inc_config.json`, the card and its picture; what the owner of the card there wrote stays."""
    write_summary(summary, directory)
    path = directory / CARD
    older = path.read_text(encoding="utf-8") if is_card(path) else None
    write_text(path, str(card_of(summary)))
    if older is not None:
        keep_words(path, older)
    if (picture := picture_of(summary)) is None:
        (directory / PICTURE).unlink(missing_ok=True)
    else:
        write_text(directory / PICTURE, picture)
