"""What is written beside a saved model: `inc_config.json`, and a card with a picture that says the same to people."""

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from inc_hf.atomic import write_text
from inc_hf.checkpoint.card_text import merged
from inc_hf.checkpoint.plain import is_plain
from inc_hf.checkpoint.stale import CARD
from inc_hf.matching.sentences import encoder_of
from inc_hf.results.about import about_files, compression_of
from inc_hf.results.card import card_of, picture_of
from inc_hf.results.card_picture import PICTURE
from inc_hf.results.license import told_by_base
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
    summary |= {"compression": compression_of(model, summary), **about_files(directory, model)}
    if from_base := told_by_base(getattr(encoder_of(model).config, "name_or_path", None)):
        summary["from_base"] = from_base
    write_card(summary, directory)


def write_summary(summary: Mapping[str, Any], directory: Path) -> None:
    """Write `inc_config.json`."""
    write_text(directory / INC_CONFIG_NAME, json.dumps(summary, indent=2) + "\n")


def write_card(summary: Mapping[str, Any], directory: Path, given: Collection[str] = ()) -> None:
    """Write `inc_config.json`, the card and its picture; what the owner of the card there wrote stays.

    Args:
        given: names of metadata, such as "license", that are not to stay as they are in the card there.
    """
    path, text = directory / CARD, str(card_of(summary))
    if path.is_file():
        text = merged(path.read_text(encoding="utf-8"), text, given)
    write_summary(summary, directory)
    write_text(path, text)
    if (picture := picture_of(summary)) is None:
        (directory / PICTURE).unlink(missing_ok=True)
    else:
        write_text(directory / PICTURE, picture)
