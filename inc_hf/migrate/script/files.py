"""Scripts and notebooks on disk: found, read and rewritten in memory, and only then written."""

import io
import subprocess
import tokenize
from collections.abc import Iterable
from pathlib import Path

import libcst as cst

from inc_hf.atomic import write_bytes
from inc_hf.migrate.script import ScriptError
from inc_hf.migrate.script.found import SUFFIXES, Found, Migrated, NotRead, files_in
from inc_hf.migrate.script.marks import marks_in
from inc_hf.migrate.script.notebook import rewrite_notebook
from inc_hf.migrate.script.source import concerns, rewrite_text
from inc_hf.migrate.script.syntax import what_is_wrong
from inc_hf.telling import progress_bar

MANY = 5  # files, from which on it shows how far it is


def migrate(path: Path) -> list[Migrated]:
    """As [`look_through`], where all must be readable.

    Raises:
        ScriptError: there is no such file, or some cannot be read: all of them are named.
    """
    found = look_through(path)
    if found.not_read:
        raise ScriptError("\n".join(each.why for each in found.not_read))
    return found.migrated


def look_through(path: Path) -> Found:
    """What becomes of a script, a notebook, or of those in a folder that have to do with INC. Nothing is written.

    Raises:
        ScriptError: there is no such file, or it cannot be read; in a folder those are gathered.
    """
    if path.is_file():
        return Found([_migrate(path, is_named=True)])
    found = Found()
    files = list(files_in(path, found))
    for file in progress_bar(files, disable=len(files) < MANY, desc="Reading", unit="file", leave=False):
        try:
            found.migrated.append(_migrate(file))
        except ScriptError as error:
            found.not_read.append(NotRead(file, str(error)))
    return found


def _migrate(path: Path, is_named: bool = False) -> Migrated:
    """Files that do not mention INC are not parsed, but for one that the user named.

    Raises:
        ScriptError: it cannot be read.
    """
    if path.suffix not in SUFFIXES:
        raise ScriptError(f"{path} is neither a script (.py) nor a notebook (.ipynb).")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ScriptError(f"{path} cannot be read: {error.strerror}.") from error
    if not is_named and not concerns(content.decode("utf-8", errors="replace")):
        return Migrated(path, content, content)
    return _notebook(path, content) if path.suffix == ".ipynb" else _script(path, content)


def _script(path: Path, content: bytes) -> Migrated:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        rewritten = rewrite_text(content.decode(encoding), path)
    except cst.ParserSyntaxError as error:
        line, why = what_is_wrong(content.decode(encoding), error)
        raise ScriptError(f"{path}, line {line}: this is no Python that can be read: {why}") from error
    except (UnicodeDecodeError, LookupError, SyntaxError) as error:
        raise ScriptError(
            f"{path} is in another encoding than it says, or in UTF-8 if it says none: {error}."
        ) from error
    except RecursionError as error:
        raise ScriptError(f"{path} is nested too deeply.") from error
    marks = marks_in(rewritten.text, path)
    return Migrated(path, content, rewritten.text.encode(encoding), marks, rewritten.changes, rewritten.notes)


def _notebook(path: Path, content: bytes) -> Migrated:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScriptError(f"{path} is no notebook: it is not in UTF-8.") from error
    new, rewritten, sources = rewrite_notebook(text, path)
    marks = [mark for number, source in sources.items() for mark in marks_in(source, path, number)]
    return Migrated(path, content, new.encode("utf-8"), marks, rewritten.changes, rewritten.notes)


def write(migrated: Iterable[Migrated]) -> list[Path]:
    """Overwrite the files that change; returns their paths.

    Raises:
        ScriptError: one of them has changes that git does not have, or cannot be written; nothing is written then.
    """
    changed = [each for each in migrated if each.is_changed]
    if dirty := [str(each.path) for each in changed if not is_clean(each.path)]:
        raise ScriptError(
            f"{', '.join(dirty)} {'has' if len(dirty) == 1 else 'have'} changes that are not in git; commit first, so "
            "that you can compare and go back."
        )
    for each in changed:
        _check_same(each)
    for each in changed:
        target = each.path.resolve()
        mode = target.stat().st_mode
        write_bytes(target, each.new)
        target.chmod(mode & 0o7777)
    return [each.path for each in changed]


def _check_same(migrated: Migrated) -> None:
    if migrated.path.read_bytes() != migrated.old:
        raise ScriptError(f"{migrated.path} was changed by somebody else meanwhile; start again.")
    try:
        with migrated.path.open("r+b"):
            pass
    except OSError as error:
        raise ScriptError(f"{migrated.path} cannot be written: {error.strerror}.") from error


def is_clean(path: Path) -> bool:
    """False where git has another state of a file, or none, so that nothing could bring the old one back."""
    path = path.resolve()
    try:
        status = subprocess.run(
            ["git", "-C", str(path.parent), "status", "--porcelain", "--", path.name], capture_output=True, text=True
        )
    except OSError:  # there is no git
        return True
    return status.returncode != 0 or not status.stdout.strip()
