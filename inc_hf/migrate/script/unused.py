"""Imports of 1.X and of optimum-intel that nothing uses after the rewriting."""

from collections.abc import Iterator

import libcst as cst
from libcst.metadata import ImportAssignment, ScopeProvider

from inc_hf.migrate.script.imports import listed
from inc_hf.migrate.script.marks import Left
from inc_hf.migrate.script.names import dotted
from inc_hf.migrate.script.optimum import SUBMODULES, of_optimum
from inc_hf.migrate.script.removed import gone
from inc_hf.migrate.script.rewriter import ROOTS, Rewriter

Imported = cst.Import | cst.ImportFrom


class Unused(Rewriter):
    """Removes names that were used before and are not any more; marks modules of INC that stay.

    Args:
        used (`set[str]`): names that were used before.
    """

    def __init__(self, work, used: set[str]):
        super().__init__(work)
        self.used = used

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Left:
        match original_node.body:
            case [cst.Import() | cst.ImportFrom() as statement] if watched := list(aliases_of(statement)):
                pass
            case _:
                return updated_node
        scope = self.get_metadata(ScopeProvider, statement)
        unused = [each for each in watched if name_of(each) in self.used and not is_used(each, statement, scope)]
        kept = [alias for alias in statement.names if alias not in unused]
        if isinstance(statement, cst.Import) and any("neural_compressor" in dotted(each.name) for each in kept):
            self.mark("Nothing here has a module of optimum-intel for INC; leave this import out.")
        if not kept:
            return gone(updated_node)
        if not unused:
            return updated_node
        brackets = {} if isinstance(statement, cst.Import) else {"lpar": None, "rpar": None}
        imported = updated_node.body[0].with_changes(names=listed(kept), **brackets)
        return updated_node.with_changes(body=[imported])


class Used(Rewriter):
    """Gathers the names that are used."""

    def __init__(self, work):
        super().__init__(work)
        self.used: set[str] = set()

    def visit_Import(self, node: cst.Import) -> None:
        self._add(node)

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        self._add(node)

    def _add(self, node: Imported) -> None:
        scope = self.get_metadata(ScopeProvider, node)
        self.used |= {name_of(alias) for alias in aliases_of(node) if is_used(alias, node, scope)}


def aliases_of(statement: Imported) -> Iterator[cst.ImportAlias]:
    """Those of `experimental`, and modules of optimum-intel."""
    if isinstance(statement.names, cst.ImportStar):
        return
    if isinstance(statement, cst.Import):
        yield from (alias for alias in statement.names if of_optimum(dotted(alias.name)))
        return
    module = dotted(statement.module)
    root, _, inner = module.partition(".")
    for alias in statement.names:
        is_module = of_optimum(f"{module}.{alias.name.value}") and alias.name.value in SUBMODULES
        if root in ROOTS and inner.partition(".")[0] == "experimental" and not alias.asname or is_module:
            yield alias


def name_of(alias: cst.ImportAlias) -> str:
    return alias.evaluated_alias or alias.evaluated_name


def is_used(alias: cst.ImportAlias, statement: Imported, scope) -> bool:
    """Whether anything refers to what it binds."""
    found = [each for each in scope[name_of(alias)] if isinstance(each, ImportAssignment)]
    if isinstance(statement, cst.Import):
        found = [each for each in found if each.node is statement]
    return any(each.references for each in found)
