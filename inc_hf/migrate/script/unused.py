"""Imports of 1.X that nothing uses after the rewriting."""

import libcst as cst
from libcst.metadata import ImportAssignment, ScopeProvider

from inc_hf.migrate.script.imports import dotted, listed
from inc_hf.migrate.script.marks import Left
from inc_hf.migrate.script.removed import gone
from inc_hf.migrate.script.rewriter import ROOTS, Rewriter


class Unused(Rewriter):
    """Removes names of `experimental` that were used before and are not any more.

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
            case [cst.ImportFrom(names=[*aliases]) as statement] if is_experimental(statement):
                pass
            case _:
                return updated_node
        kept = [alias for alias in aliases if alias.evaluated_alias or not self._is_left(alias.name, statement)]
        if not kept:
            return gone(updated_node)
        if len(kept) == len(aliases):
            return updated_node
        imported = updated_node.body[0].with_changes(names=listed(kept), lpar=None, rpar=None)
        return updated_node.with_changes(body=[imported])

    def _is_left(self, name: cst.Name, statement: cst.ImportFrom) -> bool:
        """Whether it was used, and is not now."""
        scope = self.get_metadata(ScopeProvider, statement)
        found = [each for each in scope[name.value] if isinstance(each, ImportAssignment)]
        return name.value in self.used and not any(each.references for each in found)


def is_experimental(statement: cst.ImportFrom) -> bool:
    root, _, inner = dotted(statement.module).partition(".")
    return root in ROOTS and inner.partition(".")[0] == "experimental"


class Used(Rewriter):
    """Gathers the names of `experimental` that are used."""

    def __init__(self, work):
        super().__init__(work)
        self.used: set[str] = set()

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        if not is_experimental(node) or isinstance(node.names, cst.ImportStar):
            return
        for alias in node.names:
            scope = self.get_metadata(ScopeProvider, node)
            if any(each.references for each in scope[alias.name.value] if isinstance(each, ImportAssignment)):
                self.used.add(alias.name.value)
