"""What transformers loaded from the directory of a model of sentence-transformers stays such a model when saved."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from inc_hf.checkpoint.stale import CARD, is_card
from inc_hf.models.sentence_files import folder_of, sentence_class, sentence_files, sentence_task
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
    if folder is not None and own is not None and own.name == sentence_task(folder):
        _copy([*sentence_files(folder), folder / CARD], folder, directory)
    elif folder is None and name and sentence_class(directory) is not None:  # a CrossEncoder without a list of modules
        _copy([Path(name) / CARD], Path(name), directory)


def _copy(paths: list[Path], folder: Path, directory: Path) -> None:
    """The paths in a folder to the same places in another, but for a README that is no card."""
    for path in paths:
        target = directory / path.relative_to(folder)
        if path == folder / CARD and not is_card(path):
            continue
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
