"""Atomic directories: a killed save leaves the old directory or the new one, never half of one."""

import ctypes
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inc_hf.atomic import OLD, locked, remove_leavings, temporary_directory, unique_beside
from inc_hf.checkpoint.header import WEIGHTS
from inc_hf.checkpoint.plain import is_plain, write_plain
from inc_hf.checkpoint.sentence_modules import copy_sentence_modules
from inc_hf.checkpoint.stale import carry_over
from inc_hf.config.arguments import check_path
from inc_hf.errors import UsageTypeError
from inc_hf.matching.sentences import encoder_of, is_sentence_model
from inc_hf.models.json_files import read_object
from inc_hf.writable import check_writable

RENAME_EXCHANGE = 2  # linux/fs.h
AT_FDCWD = -100
OF_RESULTS = ("inc_config.json", "stage.json")


def save_checkpoint(write: Callable[[Path], None], save_directory: str | os.PathLike, overwrite: bool = False) -> Path:
    """Let `write` fill a temporary directory beside `save_directory`, then put it in its place.

    With `overwrite`, what of the older model is not written anew goes with it, and all else stays, see
    [`inc_hf.checkpoint.stale`]. What a symbolic link points to is replaced, the link stays.

    Raises:
        FileExistsError: `save_directory` cannot be replaced, or holds files and `overwrite` is not set.
    """
    check_output_directory(save_directory, overwrite)
    target = Path(save_directory).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_directory(target) as temporary:
        write(temporary)
        _open_to_umask(temporary)
        with locked(target.parent):  # of two processes that save there, one is the last, or refused
            check_output_directory(target, overwrite)
            carry_over(target, temporary)
            replace_directory(temporary, target)
    remove_leavings(target, OLD)
    return Path(save_directory)


def write_model(model: Any, tokenizer: Any, directory: Path) -> None:
    """Write config and weights of a model, and the tokenizer or processor that may be put beside it.

    A model of sentence-transformers writes all of itself. One that transformers loaded from the directory of such a
    model is saved with what lay there beside it. A plain module is written as its state dict, see
    [`inc_hf.checkpoint.plain`].
    """
    if tokenizer is not None and not hasattr(tokenizer, "save_pretrained"):
        raise UsageTypeError(f"`tokenizer` must be a tokenizer or processor, got {type(tokenizer).__name__}.")
    if is_sentence_model(model):
        model.save_pretrained(str(directory))
    elif is_plain(model):
        write_plain(model, directory)
    else:
        model.save_pretrained(directory)
        copy_sentence_modules(model, directory)
    if tokenizer is not None:
        tokenizer.save_pretrained(directory)


def check_output_directory(save_directory: str | os.PathLike, overwrite: bool = False) -> None:
    """Raise FileExistsError unless the directory is absent, empty, or may be overwritten, and can be replaced;
    NotWritableError if it cannot be written."""
    check_path("save_directory", save_directory)
    target = Path(save_directory)
    if target.exists() and not target.is_dir():
        raise FileExistsError(f"{target} is a file, not a directory; choose another output directory.")
    if target.is_dir() and (target.is_mount() or Path.cwd().is_relative_to(target.resolve())):
        raise FileExistsError(
            f"{target} cannot be replaced, since it is a mount point or holds the working directory; "
            "choose a directory inside it."
        )
    if target.is_dir() and any(target.iterdir()) and not overwrite:
        raise FileExistsError(
            f"{target} is not empty; choose another directory, or pass `overwrite=True` (`--overwrite`)."
        )
    check_writable(target.resolve().parent)


def check_keeps_original(model: Any, save_directory: str | os.PathLike) -> None:
    """Raise FileExistsError for the directory that a model was loaded from, whose weights its compressed form would
    replace; not if they are a result of this package themselves."""
    check_path("save_directory", save_directory)
    source = getattr(getattr(encoder_of(model), "config", None), "name_or_path", None)
    if not isinstance(source, str) or not source or not Path(source).is_dir() or not Path(save_directory).is_dir():
        return
    if os.path.samefile(source, save_directory) and _has_original(Path(source)):
        raise FileExistsError(
            f"{save_directory} is where the model was loaded from, and its weights would be lost; choose another "
            "directory."
        )


def _has_original(directory: Path) -> bool:
    if any((directory / name).is_file() for name in OF_RESULTS):
        return False
    if "quantization_config" in read_object(directory / "config.json"):
        return False
    return any(path for pattern in WEIGHTS for path in directory.glob(pattern))


def _open_to_umask(directory: Path) -> None:
    """Give new files the mode that the umask says: safetensors makes its own readable by their owner alone."""
    for path in directory.rglob("*"):
        if path.is_file():
            path.chmod(0o666 & ~_umask())


def replace_directory(temporary: Path, target: Path) -> None:
    """Put the directory `temporary` in the place of `target`; what was there ends up in `temporary` or is gone.

    One system call where the kernel can exchange two names (Linux); elsewhere two renames.
    """
    os.chmod(temporary, 0o777 & ~_umask())
    if not target.exists() or not any(target.iterdir()):
        os.replace(temporary, target)
    elif not _exchange(temporary, target):
        old = unique_beside(target, OLD)
        os.replace(target, old)
        os.replace(temporary, target)
        shutil.rmtree(old)


def _exchange(a: Path, b: Path) -> bool:
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    return renameat2(AT_FDCWD, os.fsencode(a), AT_FDCWD, os.fsencode(b), RENAME_EXCHANGE) == 0


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
