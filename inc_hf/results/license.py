"""What a model takes over from the card of the one that it was made of: its license and its language."""

import contextlib
import os
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard, hf_hub_download, try_to_load_from_cache
from yaml import YAMLError

from inc_hf.checkpoint.stale import CARD
from inc_hf.models.hub import reached

TAKEN = ("license", "license_name", "license_link", "language")


def told_by_base(name: str | os.PathLike | None) -> dict[str, Any]:
    """What the card of a model says, as far as it lies on this machine: to save a model needs no network.

    Args:
        name: a directory, or a name on the Hub, see [`fetch_card`].
    """
    if not name:
        return {}
    found = Path(name) / CARD if Path(name).is_dir() else _cached(os.fspath(name))
    try:
        data = ModelCard(Path(found).read_text(encoding="utf-8")).data.to_dict() if found else {}
    except (OSError, ValueError, YAMLError):  # it is not ours to judge
        return {}
    return {key: data[key] for key in TAKEN if data.get(key)}


def fetch_card(name: str | None) -> None:
    """Download the card of a model on the Hub for [`told_by_base`], if there is one and a way to it."""
    if not name or Path(name).exists() or _cached(name):
        return
    with contextlib.suppress(OSError, ValueError):  # those of the Hub are OSErrors; no card, or nobody's business
        hub = reached(name, (CARD,))
        if not hub.get("local_files_only"):
            hf_hub_download(name, CARD)


def _cached(name: str) -> str | None:
    with contextlib.suppress(ValueError):  # what is no name of a repository
        found = try_to_load_from_cache(name, CARD)
        return found if isinstance(found, str) else None
    return None
