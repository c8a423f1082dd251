"""The files that make a checkpoint a model of sentence-transformers: of its modules, its prompts and its similarity.

Only their names and places are known here; sentence-transformers need not be installed.
"""

import os
from pathlib import Path
from typing import Any

from inc_hf.errors import UsageError
from inc_hf.matching.sentences import PACKAGE
from inc_hf.models.json_files import read_json, read_object

MODULES = "modules.json"
SETTINGS = "config_sentence_transformers.json"
ENCODER_SETTINGS = "sentence_*_config.json"  # with the name of a family, such as `bert`
CODE = "*.py"  # of modules that are not of sentence-transformers
CARD = "README.md"
OTHER_NAMES = {"sequence-classification": "text-classification"}  # of tasks
OF_CROSS_ENCODERS = {"sentence_transformers", "sbert_ce_default_activation_function"}  # in configs until version 5
AT_TOP = ("", ".")
OF_SNAPSHOT = ("revision", "token", "cache_dir", "local_files_only", "force_download")


def fetch_sentence_files(name: str | os.PathLike, **hub: Any) -> Path | None:
    """The folder on this machine where they lie, downloaded if they have to be; None if the checkpoint has none.

    Raises:
        ValueError: its encoder does not lie where transformers looks for it, or the list of its modules is damaged.
    """
    folder = folder_of(name, **hub)
    if folder is None:
        return None
    modules = _modules_in(folder)
    if modules[0]["path"] not in AT_TOP:
        raise UsageError(
            f"{name} is a model of sentence-transformers whose encoder lies in {modules[0]['path']}/, where "
            "transformers does not look; load it with `SentenceTransformer`, and pass that to `IncQuantizer`."
        )
    if not Path(name).is_dir():
        from huggingface_hub import snapshot_download

        hub = {key: value for key, value in hub.items() if key in OF_SNAPSHOT}
        patterns = [CARD, SETTINGS, ENCODER_SETTINGS, CODE, *(f"{path}/*" for path in _paths_of(modules))]
        snapshot_download(str(name), allow_patterns=patterns, **hub)
    return folder


def folder_of(name: str | os.PathLike, **hub: Any) -> Path | None:
    """Where the list of modules lies; None if there is none, or no such checkpoint, which others say."""
    from inc_hf.models.files import find_file  # which imports transformers

    if Path(name).is_dir():
        return Path(name) if (Path(name) / MODULES).is_file() else None
    try:
        found = find_file(name, MODULES, quiet=True, **{k: v for k, v in hub.items() if k != "trust_remote_code"})
    except (OSError, ValueError):
        return None
    return None if found is None else Path(found).parent


def sentence_files(folder: Path) -> list[Path]:
    """All that transformers does not save, but for the card."""
    modules = _modules_in(folder)
    found = [path for pattern in (MODULES, SETTINGS, ENCODER_SETTINGS) for path in folder.glob(pattern)]
    if not all(module["type"].startswith(PACKAGE) for module in modules):
        found += folder.glob(CODE)
    return found + [file for path in _paths_of(modules) for file in (folder / path).rglob("*") if file.is_file()]


def sentence_task(folder: Path) -> str:
    """The task that the encoder is loaded for, by our name of it."""
    settings = next((read_object(path) for path in sorted(folder.glob(ENCODER_SETTINGS))), {})
    name = str(settings.get("transformer_task", "feature-extraction"))
    return OTHER_NAMES.get(name, name)


def sentence_class(directory: Path) -> str | None:
    """The class of sentence-transformers that loads a directory, by its name; None if it is for transformers alone."""
    if not (directory / MODULES).is_file():
        return "CrossEncoder" if OF_CROSS_ENCODERS & read_object(directory / "config.json").keys() else None
    return str(read_object(directory / SETTINGS).get("model_type", "SentenceTransformer"))


def _modules_in(folder: Path) -> list[dict[str, Any]]:
    modules = read_json(folder / MODULES)
    if not (isinstance(modules, list) and modules and all(map(_is_module, modules))):
        raise UsageError(f"{folder / MODULES} is damaged: it must be a list of modules with `type` and `path`.")
    return modules


def _is_module(module: Any) -> bool:
    """Whether it has a type, and a path that leads to nothing outside of the checkpoint."""
    if not isinstance(module, dict) or not all(isinstance(module.get(key), str) for key in ("type", "path")):
        return False
    path = Path(module["path"])
    return not path.is_absolute() and ".." not in path.parts


def _paths_of(modules: list[dict[str, Any]]) -> list[str]:
    return [module["path"] for module in modules if module["path"] not in AT_TOP]
