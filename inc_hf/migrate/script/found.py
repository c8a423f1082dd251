"""What lies below a path: scripts and notebooks, and what of them cannot be read."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from inc_hf.migrate.script import ScriptError
from inc_hf.migrate.script.marks import Mark

SUFFIXES = (".py", ".ipynb")
NOT_OURS = ("__pycache__", "node_modules", "site-packages")
BUILT = ("build", "dist")


@dataclass(frozen=True)
class Migrated:
    """A file, and what it becomes.

    Args:
        path (`Path`): where it lies.
        old, new (`bytes`): its content.
        marks (`list[Mark]`): places to look at.
        changes (`Counter`): kind of change -> places.
        notes (`list[str]`): what a reader should know.
    """

    path: Path
    old: bytes
    new: bytes
    marks: list[Mark] = field(default_factory=list)
    changes: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def is_changed(self) -> bool:
        return self.new != self.old


@dataclass(frozen=True)
class NotRead:
    """A file or a folder that is left as it is, and why."""

    path: Path
    why: str


@dataclass(frozen=True)
class Found:
    """What lies below a path.

    Args:
        migrated (`list[Migrated]`): scripts and notebooks, and what they become.
        not_read (`list[NotRead]`): those that cannot be read.
        left_out (`list[NotRead]`): what is passed by, though it may have scripts.
    """

    migrated: list[Migrated] = field(default_factory=list)
    not_read: list[NotRead] = field(default_factory=list)
    left_out: list[NotRead] = field(default_factory=list)


def files_in(path: Path, found: Found | None = None) -> Iterator[Path]:
    """The file itself, or the scripts and notebooks below a folder, but for hidden ones and environments.

    Args:
        found: takes what is not looked at.
    """
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from _below(path, path.resolve(), found or Found())
    else:
        raise ScriptError(f"There is no {path}.")


def _below(folder: Path, root: Path, found: Found) -> Iterator[Path]:
    try:
        entries = sorted(folder.iterdir())
    except OSError as error:
        found.not_read.append(NotRead(folder, f"{folder} cannot be read: {error.strerror}."))
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in NOT_OURS:
            continue
        if entry.is_symlink():
            if (entry.suffix in SUFFIXES or entry.is_dir()) and not entry.resolve().is_relative_to(root):
                found.left_out.append(NotRead(entry, f"{entry} is a symbolic link; migrate what it points to."))
        elif entry.is_dir() and entry.name in BUILT:
            found.left_out.append(NotRead(entry, f"{entry} is called as what builds make; name it if it is source."))
        elif entry.is_dir() and not (entry / "pyvenv.cfg").exists():
            yield from _below(entry, root, found)
        elif entry.is_file() and entry.suffix in SUFFIXES:
            yield entry
