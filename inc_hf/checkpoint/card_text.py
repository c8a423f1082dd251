"""What of a model card is ours, and what its owner wrote: a card that is made anew keeps the latter.

Ours is between two marks, which nobody sees on the Hub. In the metadata, our tags and what names the base model are.
"""

import re
from collections.abc import Collection
from pathlib import Path

from huggingface_hub import ModelCard, ModelCardData
from yaml import YAMLError

from inc_hf.atomic import write_text

BEGIN = "<!-- inc-hf card: begin. `inc-hf card` writes this part anew; write before it or behind its end. -->"
END = "<!-- inc-hf card: end -->"
OURS = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", flags=re.DOTALL)
TAGS = {"int8", "bf16", "pruned", "quantized", "onnx", "cpu", "inc_hf"}
OF_BASE = ("base_model", "base_model_relation")
LISTS = ("tags", "datasets", "metrics")


def marked(text: str) -> str:
    """A part of ours between its marks."""
    return f"{BEGIN}\n\n{text.strip()}\n\n{END}\n"


def is_marked(text: str) -> bool:
    """Whether a card has a part of ours."""
    return OURS.search(text) is not None


def merged(older: str, ours: str, given: Collection[str] = ()) -> str:
    """The card `ours`, and around it what the owner of an older one wrote there and into its metadata.

    Where the older one has no part of ours, it comes behind all that it has. If its metadata cannot be read, no card
    could have both, and `ours` comes back.

    Args:
        given: names of metadata, beside those of base model and scores, that are to be as in `ours`.
    """
    try:
        before, new = ModelCard(older), ModelCard(ours)
    except (ValueError, YAMLError):
        return ours
    part = OURS.search(ours)[0]
    if is_marked(older):
        text = OURS.sub(lambda _: part, before.text, count=1)
    else:
        text = f"{before.text.strip()}\n\n{part}\n".lstrip()
    new.data = _data(before.data, new.data, given)
    new.text = text
    return str(new)


def keep_words(card: Path, older: str) -> None:
    """Let a card that was written keep what the owner of an older one wrote."""
    write_text(card, merged(older, card.read_text(encoding="utf-8")))


def _data(older: ModelCardData, ours: ModelCardData, given: Collection[str]) -> ModelCardData:
    """Their metadata in one: what only one has, of base model and scores ours, of all else theirs."""
    theirs, own = older.to_dict(), ours.to_dict()
    theirs["tags"] = [tag for tag in theirs.get("tags") or [] if tag not in TAGS]
    both = {**own, **{key: value for key, value in theirs.items() if value}}
    both |= {key: own[key] for key in (*OF_BASE, "model-index", *given) if key in own}
    for key in LISTS:
        if values := [*_listed(theirs.get(key)), *_listed(own.get(key))]:
            both[key] = list(dict.fromkeys(values))
    return ModelCardData(**both, ignore_metadata_errors=True)


def _listed(value: str | list[str] | None) -> list[str]:
    return [value] if isinstance(value, str) else value or []
