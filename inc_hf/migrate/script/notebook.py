"""Notebooks: their code cells are rewritten as one script; all other bytes stay."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import libcst as cst

from inc_hf.migrate.script import ScriptError, json_spans
from inc_hf.migrate.script.magics import Magics, marked_shell
from inc_hf.migrate.script.source import Rewritten, rewrite_text
from inc_hf.migrate.script.syntax import what_is_wrong

_BORDER = re.compile(r"^[ \t]*# inc_hf: end of cell (\d+)$\n?", re.MULTILINE)


@dataclass(frozen=True)
class Cell:
    """A code cell.

    Args:
        number (`int`): among all cells, counted from 1.
        source (`str`): its text.
        start, end (`int`): of the JSON value of its source.
    """

    number: int
    source: str
    start: int
    end: int


def code_cells(text: str, path: Path) -> list[Cell]:
    """
    Raises:
        ScriptError: it is no notebook.
    """
    try:
        parsed = json.loads(text)
        kinds = [cell["cell_type"] for cell in parsed["cells"]]
        spans = {key: begin for key, begin, _ in json_spans.members(text, json_spans.first(text))}
        found = []
        for number, (begin, _) in enumerate(json_spans.elements(text, spans["cells"]), 1):
            if kinds[number - 1] == "code":
                found += [
                    _cell(text, number, start, end)
                    for key, start, end in json_spans.members(text, begin)
                    if key == "source"
                ]
        return found
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ScriptError(f"{path} is no notebook of format 4: {error or type(error).__name__}.") from error


def _cell(text: str, number: int, start: int, end: int) -> Cell:
    source = json.loads(text[start:end])
    return Cell(number, source if isinstance(source, str) else "".join(source), start, end)


def rewrite_notebook(text: str, path: Path) -> tuple[str, Rewritten | None, dict[int, str]]:
    """The new text, what was done, and the new sources of all code cells by their numbers.

    Raises:
        ScriptError: it is no notebook, or a cell is no Python.
    """
    cells, magics = code_cells(text, path), Magics()
    python = {cell.number: source for cell in cells if (source := magics.hide(cell.source)) is not None}
    joined = "".join(f"{source}\n# inc_hf: end of cell {number}\n" for number, source in python.items())
    try:
        rewritten = rewrite_text(joined, path)
    except cst.ParserSyntaxError as error:
        raise ScriptError(_which_cell(python, path, error)) from error
    sources = _split(rewritten.text, magics)
    if sources.keys() != python.keys():
        raise ScriptError(f"{path} has cells that are no Python by themselves; join them first.")
    shells = {cell.number: new for cell in cells if (new := marked_shell(cell.source)) != cell.source}
    sources |= {number: source for number, source in shells.items() if number not in python}
    for cell in reversed(cells):
        new = sources.get(cell.number, cell.source)
        if new != cell.source:
            text = text[: cell.start] + _as_json(new, text[cell.start : cell.end], text) + text[cell.end :]
    return text, rewritten, sources


def _split(code: str, magics: Magics) -> dict[int, str]:
    parts = _BORDER.split(code)
    return {
        int(number): magics.show(source).removesuffix("\n")
        for source, number in zip(parts[::2], parts[1::2], strict=False)
    }


def _which_cell(python: dict[int, str], path: Path, whole: cst.ParserSyntaxError) -> str:
    for number, source in python.items():
        try:
            cst.parse_module(source)
        except cst.ParserSyntaxError as error:
            line, why = what_is_wrong(source, error)
            return f"{path}, cell {number}, line {line}: this is no Python that can be read: {why}"
    return f"{path}: this is no Python that can be read: {whole.message}"


def _as_json(source: str, old: str, whole: str) -> str:
    """In the form of the old value: a string, or a list with a line each."""
    ascii_only = whole.isascii()
    if not old.startswith("["):
        return json.dumps(source, ensure_ascii=ascii_only)
    lines = source.splitlines(keepends=True)
    match = re.match(r"\[(\s*)", old)
    opening, closing = match[1], re.search(r"(\s*)\]$", old)[1]
    is_compact = re.search(r'"cells"\s*:', whole)[0].endswith('":') and '": ' not in whole[:200]
    between = opening if "\n" in opening else "" if is_compact else " "
    return (
        "[" + opening + f",{between}".join(json.dumps(line, ensure_ascii=ascii_only) for line in lines) + closing + "]"
    )
