"""Imports that the new code needs, beside the ones whose names it replaces."""

from collections.abc import Iterable, Iterator, Sequence

import libcst as cst

from inc_hf.migrate.script.marks import Statement
from inc_hf.migrate.script.names import dotted

PLACE = "__inc_hf_imports_"
WIDTH = 119  # of lines that are written anew
Wanted = dict[str, dict[str, str]]  # module -> name -> what it is called; the name "" is the module itself


def place(number: int) -> cst.SimpleStatementLine:
    """Stands behind an import until it is known what else is needed."""
    return cst.SimpleStatementLine([cst.Expr(cst.Name(f"{PLACE}{number}"))])


def number_of(statement: cst.CSTNode) -> int | None:
    match statement:
        case cst.SimpleStatementLine(body=[cst.Expr(value=cst.Name(value=name))]) if name.startswith(PLACE):
            return int(name.removeprefix(PLACE))
    return None


class Filler(cst.CSTTransformer):
    """Puts the imports where the places are."""

    def __init__(self, wanted: Sequence[Wanted]):
        super().__init__()
        self.wanted = wanted

    def leave_Module(self, original_node: cst.Module, updated_node: cst.Module) -> cst.Module:
        return updated_node.with_changes(body=self._filled(updated_node.body))

    def leave_IndentedBlock(self, original_node: cst.IndentedBlock, updated_node: cst.IndentedBlock):
        return updated_node.with_changes(body=self._filled(updated_node.body))

    def _filled(self, statements: Sequence[Statement]) -> list[Statement]:
        filled: list[Statement] = []
        present: set[tuple[str, str, str]] = set()  # in this block so far
        for statement in statements:
            number = number_of(statement)
            if number is None:
                filled.append(statement)
                present.update(_imported(statement))
                continue
            for module, names in sorted(self.wanted[number].items()):
                names = {name: called for name, called in names.items() if (module, name, called) not in present}
                present.update((module, name, called) for name, called in names.items())
                if filled and names and (merged := _merged(filled[-1], module, names)):
                    filled[-1] = merged
                else:
                    filled += lines_for(module, names)
        return filled


def _imported(statement: Statement) -> Iterator[tuple[str, str, str]]:
    """Module, name ("" for the module itself) and what it is called, as they will be in `inc_hf`."""
    for small in statement.body if isinstance(statement, cst.SimpleStatementLine) else ():
        match small:
            case cst.Import(names=aliases):
                for alias in aliases:
                    if not alias.asname:
                        yield _ours(alias.evaluated_name), "", ""
            case cst.ImportFrom(names=[*aliases], module=module, relative=[]):
                for alias in aliases:
                    yield _ours(dotted(module)), alias.evaluated_name, alias.evaluated_alias or alias.evaluated_name


def _ours(module: str) -> str:
    root, dot, inner = module.partition(".")
    return f"inc_hf{dot}{inner}" if root in ("neural_compressor", "lpot") else module


def lines_for(module: str, names: dict[str, str]) -> Iterable[Statement]:
    if "" in names:
        yield cst.parse_statement(f"import {module}")
    listed = [_alias(name, called) for name, called in sorted(names.items()) if name]
    if listed:
        yield from_import(module, listed)


def from_import(module: str, names: Sequence[str]) -> Statement:
    """On one line, or with a name a line in brackets."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) > WIDTH:
        line = "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])
    return cst.parse_statement(line)


def _alias(name: str, called: str) -> str:
    return name if name == called else f"{name} as {called}"


def _merged(line: Statement, module: str, names: dict[str, str]) -> Statement | None:
    """An import of the same module with these names, too."""
    match line:
        case cst.SimpleStatementLine(body=[cst.ImportFrom(names=[*aliases], relative=[]) as statement]):
            pass
        case _:
            return None
    root = dotted(statement.module).partition(".")[0]
    if "" in names or _ours(dotted(statement.module)) != module or root not in ("neural_compressor", "lpot", "inc_hf"):
        return None
    present = {alias.evaluated_name for alias in aliases}
    fresh = [_alias(name, names[name]) for name in sorted(names) if name not in present]
    length = len(cst.Module([]).code_for_node(statement)) + len(", ".join(["", *fresh]))
    if not statement.lpar and length > WIDTH:
        written = [
            cst.Module([]).code_for_node(alias.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for alias in aliases
        ]
        longer = from_import(dotted(statement.module), [*written, *fresh]).body
        return line.with_changes(body=longer)
    return line.with_changes(body=[statement.with_changes(names=_with(aliases, fresh))])


def _with(aliases: list[cst.ImportAlias], fresh: Sequence[str]) -> list[cst.ImportAlias]:
    """More names in the layout of those that are there: one a line, or all on one."""
    if not fresh:
        return aliases
    between = aliases[0].comma if len(aliases) > 1 else cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    between, end = _without_comment(between), aliases[-1].comma
    joint = between
    if isinstance(end, cst.Comma) and _has_lines(end) and _has_lines(between):  # whose comment stays with its name
        joint = between.with_changes(
            whitespace_after=between.whitespace_after.with_changes(first_line=end.whitespace_after.first_line)
        )
        end = _without_comment(end)
    added = [
        cst.parse_statement(f"from a import {name}").body[0].names[0].with_changes(comma=between) for name in fresh
    ]
    added[-1] = added[-1].with_changes(comma=end)
    return [*aliases[:-1], aliases[-1].with_changes(comma=joint), *added]


def _has_lines(comma: cst.Comma) -> bool:
    return isinstance(comma.whitespace_after, cst.ParenthesizedWhitespace)


def _without_comment(comma: cst.Comma) -> cst.Comma:
    if not _has_lines(comma):
        return comma
    space = comma.whitespace_after.with_changes(first_line=cst.TrailingWhitespace(), empty_lines=[])
    return comma.with_changes(whitespace_after=space)
