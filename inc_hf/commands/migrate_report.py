"""What `inc-hf migrate --report` and `--json` say."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from inc_hf.migrate.script.found import Found, Migrated
    from inc_hf.migrate.script.marks import Mark


def for_programs(found: "Found", written: Sequence[Path]) -> list[dict]:
    """What `--json` prints: a list with an object for each file; those that cannot be read say why."""
    data = [_as_data(each, each.path in written) for each in found.migrated]
    data += [{"file": str(each.path), "changed": False, "not_read": each.why} for each in found.not_read]
    return sorted(data, key=lambda each: each["file"])


def _as_data(migrated: "Migrated", is_written: bool) -> dict:
    return {
        "file": str(migrated.path),
        "changed": migrated.is_changed,
        "written": is_written,
        "changes": dict(migrated.changes),
        "to_do": [mark.to_dict() for mark in migrated.marks],
        "notes": migrated.notes,
    }


def print_report(found: "Found") -> None:
    """Tables on a terminal; elsewhere lines that nothing cuts: `path: what changes`, `path:line: what to do`."""
    from rich.console import Console

    console = Console()
    if console.is_terminal:
        _print_tables(console, found)
    else:
        print("\n".join(_lines(found)))


def _lines(found: "Found") -> Iterator[str]:
    for each in found.migrated:
        yield f"{each.path}: {_changes(each) or 'nothing'} changed"
    yield from (f"not read: {each.why}" for each in found.not_read)
    yield from (f"{_place(mark)}: {mark.to_do}" for each in found.migrated for mark in each.marks)
    yield from (f"{each.path}: {note}" for each in found.migrated for note in each.notes)


def _changes(migrated: "Migrated") -> str:
    return ", ".join(f"{count} {kind}" for kind, count in migrated.changes.items())


def _place(mark: "Mark") -> str:
    return f"{mark.file}:cell {mark.cell}:{mark.line}" if mark.cell else f"{mark.file}:{mark.line}"


def _print_tables(console, found: "Found") -> None:
    files = _table("migrated", "file", "changes", "to look at")
    for each in found.migrated:
        files.add_row(str(each.path), _changes(each) or "none", str(len(each.marks) or ""))
    console.print(files)
    unread = _table("not read", "file", "why")
    for each in found.not_read:
        unread.add_row(str(each.path), each.why)
    places = _table("places to look at", "place", "what", "what to do")
    for mark in (mark for each in found.migrated for mark in each.marks):
        places.add_row(_place(mark), mark.what, mark.to_do)
    for table in (unread, places):
        if table.row_count:
            console.print(table)
    for each in found.migrated:
        for note in each.notes:
            console.print(f"{each.path}: {note}", markup=False)


def _table(title: str, *names: str):
    """A table that cuts nothing off."""
    from rich.table import Column, Table

    return Table(*(Column(name, overflow="fold") for name in names), title=title)
