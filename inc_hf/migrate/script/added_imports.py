"""Imports that the new code needs, beside the ones whose names it replaces."""

from collections.abc import Iterable, Sequence

import libcst as cst

from inc_hf.migrate.script.marks import Statement

PLACE = "__inc_hf_imports_"
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
        for statement in statements:
            number = number_of(statement)
            if number is None:
                filled.append(statement)
                continue
            for module, names in sorted(self.wanted[number].items()):
                if filled and (merged := _merged(filled[-1], module, names)):
                    filled[-1] = merged
                else:
                    filled += lines_for(module, names)
        return filled


def lines_for(module: str, names: dict[str, str]) -> Iterable[Statement]:
    if "" in names:
        yield cst.parse_statement(f"import {module}")
    listed = [_alias(name, called) for name, called in sorted(names.items()) if name]
    if listed:
        yield cst.parse_statement(f"from {module} import {', '.join(listed)}")


def _alias(name: str, called: str) -> str:
    return name if name == called else f"{name} as {called}"


def _merged(line: Statement, module: str, names: dict[str, str]) -> Statement | None:
    """An import of the same module with these names, too."""
    match line:
        case cst.SimpleStatementLine(body=[cst.ImportFrom(names=[*aliases], relative=[]) as statement]):
            root, _, inner = cst.Module([]).code_for_node(statement.module).partition(".")
            if "" in names or inner != module.partition(".")[2] or root not in ("neural_compressor", "lpot", "inc_hf"):
                return None
    if not isinstance(line, cst.SimpleStatementLine) or not isinstance(line.body[0], cst.ImportFrom):
        return None
    present = {alias.evaluated_name for alias in aliases}
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    last = aliases[-1]
    trailing = last.comma
    aliases[-1] = last.with_changes(comma=comma)
    fresh = [name for name in sorted(names) if name not in present]
    for name in fresh:
        alias = cst.parse_statement(f"from a import {_alias(name, names[name])}").body[0].names[0]
        aliases.append(alias.with_changes(comma=comma))
    aliases[-1] = aliases[-1].with_changes(comma=trailing)
    return line.with_changes(body=[statement.with_changes(names=aliases)])
