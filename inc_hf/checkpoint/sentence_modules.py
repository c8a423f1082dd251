"""What transformers loaded from the directory of a model of sentence-transformers stays such a model when saved."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from inc_hf.checkpoint.stale import CARD, is_card
from inc_hf.models.sentence_files import folder_of, sentence_files, sentence_task
from inc_hf.models.tasks import task_of

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def copy_sentence_modules(model: "PreTrainedModel", directory: Path) -> None:
    """Copy to the `directory` that a model is saved in what lies beside it where it was loaded from: modules, prompts,
    similarity, the card. Nothing, unless it is the model that sentence-transformers loads from there; and what the
    directory has already stays."""
    name = getattr(model, "name_or_path", None)
    folder = folder_of(name, local_files_only=True) if name else None
    own = task_of(type(model).__name__, hears=False)
    if folder is None or own is None or own.name != sentence_task(folder):
        return
    cards = [folder / CARD] if is_card(folder / CARD) else []
    for path in [*sentence_files(folder), *cards]:
        target = directory / path.relative_to(folder)
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
