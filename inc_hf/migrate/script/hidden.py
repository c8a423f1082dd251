"""Statements that have nothing to do with INC stand as one word each while the rest is rewritten: most of a script."""

import ast
import re
import warnings
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from inc_hf.migrate.script.interest import WORDS, interest_of

_NAME = "__inc_hf_hidden_"
_PLACE = re.compile(rf"^[ \t]*{_NAME}(\d+)__", re.MULTILINE)
_BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")


@dataclass
class Hidden:
    """What is hidden of a text.

    Args:
        text (`str`): what is left.
        parts (`list[str]`): what is hidden, by the numbers of the words in its place.
        names (`set[str]`): what the hidden statements bind.
    """

    text: str
    parts: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def show(self, text: str) -> str:
        """A text that came out of `self.text`, with the hidden parts."""
        return _PLACE.sub(lambda match: self.parts[int(match[1])], text) if self.parts else text


def hide(text: str) -> Hidden:
    """Hide what no pass would look at. Where it is not known what that is, nothing is hidden."""
    if _NAME in text or re.search(r"\r(?!\n)", text):
        return Hidden(text)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in the user's strings
            tree = ast.parse(text.removeprefix("\ufeff"))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Hidden(text)  # libcst says what is wrong, or knows a newer Python
    lines, interest = text.split("\n"), interest_of(tree)
    hits = _hits(lines, [*WORDS, *map(_word, interest.names)])
    inner = _hits(lines, map(_word, interest.components)) if interest.components else []
    return _without(text, lines, list(_runs(tree.body, lines, hits, inner)))


def _word(name: str) -> str:
    return rf"\b{re.escape(name)}\b"


def _hits(lines: Sequence[str], words: Iterable[str]) -> list[int]:
    """Numbers of the lines that have one of these patterns."""
    pattern = re.compile("|".join(words))
    return [number for number, line in enumerate(lines, 1) if pattern.search(line)]


def _without(text: str, lines: list[str], runs: list[list[ast.stmt]]) -> Hidden:
    hidden, shown, at = Hidden(text), [], 0
    for run in runs:
        start, end = _start(run[0]) - 1, run[-1].end_lineno
        last = lines[end - 1]
        stop = len(last) - last.endswith("\r")
        indent = lines[start][: run[0].col_offset]
        shown += [*lines[at:start], f"{indent}{_NAME}{len(hidden.parts)}__{last[stop:]}"]
        hidden.parts.append("\n".join([*lines[start : end - 1], last[:stop]]))
        hidden.names |= {name for statement in run for name in _bound(statement)}
        at = end
    hidden.text = "\n".join([*shown, *lines[at:]])
    return hidden


def _runs(
    body: Sequence[ast.AST], lines: list[str], hits: list[int], components: list[int]
) -> Iterator[list[ast.stmt]]:
    """Statements that follow each other and can be hidden together."""
    run: list[ast.stmt] = []
    used = [i for i, statement in enumerate(body) if _has(statement, components)]
    for i, statement in enumerate(body):
        if used and used[0] < i < used[-1]:
            continue
        if not _has(statement, hits) and _can_go(statement, lines):
            run.append(statement)
            continue
        if run:
            yield run
            run = []
        for block in _BLOCKS:
            inner = getattr(statement, block, [])
            if isinstance(inner, list):
                yield from _runs(inner, lines, hits, components)
    if run:
        yield run


def _has(statement: ast.AST, hits: list[int]) -> bool:
    first = bisect_left(hits, _start(statement))
    return first < len(hits) and hits[first] <= _end(statement)


def _start(node: ast.AST) -> int:
    """Its first line; a case begins with its pattern."""
    first = node.pattern if isinstance(node, ast.match_case) else node
    return min(each.lineno for each in (first, *getattr(node, "decorator_list", [])))


def _end(node: ast.AST) -> int:
    return node.body[-1].end_lineno if isinstance(node, ast.match_case) else node.end_lineno


def _can_go(statement: ast.stmt, lines: list[str]) -> bool:
    if not isinstance(statement, ast.stmt) or isinstance(statement, ast.Import | ast.ImportFrom):
        return False  # what else is imported tells what a name means
    first, last = lines[_start(statement) - 1], lines[statement.end_lineno - 1]
    behind = last.encode()[statement.end_col_offset :].strip()
    return len(first) - len(first.lstrip(" \t")) == statement.col_offset and (not behind or behind.startswith(b"#"))


def _bound(statement: ast.stmt) -> Iterator[str]:
    for node in ast.walk(statement):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.arg(arg=name) | ast.ExceptHandler(name=str(name)):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=called):
                yield called or name.partition(".")[0]
