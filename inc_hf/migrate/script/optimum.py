"""Classes of optimum-intel for INC get the names that they have here."""

import libcst as cst

from inc_hf.migrate.script.added_imports import lines_for
from inc_hf.migrate.script.imports import dotted, listed
from inc_hf.migrate.script.marks import Left
from inc_hf.migrate.script.optimum_names import OPTIMUM_ROOTS, RENAMED, TRAINERS, why_missing
from inc_hf.migrate.script.rewriter import Rewriter

HOMES = {**RENAMED, **{old: ("transformers", new) for old, new in TRAINERS.items()}}


class Optimum(Rewriter):
    """Renames them where they are imported and used; other names of optimum-intel stay imported from there."""

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Left:
        match updated_node.body:
            case [cst.ImportFrom(names=[*aliases], module=module, relative=[]) as statement] if of_optimum(
                dotted(module)
            ):
                return self._imports(updated_node, statement, aliases)
        return updated_node

    def _imports(self, line: cst.SimpleStatementLine, statement: cst.ImportFrom, aliases: list) -> Left:
        here: dict[str, dict[str, str]] = {}
        others = []
        for alias in aliases:
            old = alias.name.value
            if old in HOMES:
                module, name = HOMES[old]
                here.setdefault(module, {})[name] = (
                    alias.asname.name.value if alias.asname else old if old in self.taken else name
                )
                continue
            others.append(alias)
            if why := why_missing(old):
                self.mark(why)
        if not here:
            return line
        self.work.changes["imports"] += 1
        lines = [each for module, names in sorted(here.items()) for each in lines_for(module, names)]
        if others:
            rest = statement.with_changes(names=listed(others), lpar=None, rpar=None)
            return cst.FlattenSentinel([line.with_changes(body=[rest]), *lines])
        first, *more = lines
        first = first.with_changes(leading_lines=line.leading_lines)
        last = [first, *more][-1].with_changes(trailing_whitespace=line.trailing_whitespace)
        return cst.FlattenSentinel([*[first, *more][:-1], last])

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        name = original_node.value
        if name in HOMES and name not in self.taken and of_optimum(self.origin(original_node) or ""):
            self.work.changes["classes of optimum-intel"] += 1
            return updated_node.with_changes(value=HOMES[name][1])
        return updated_node

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        """`optimum.intel.INCQuantizer`, with all its dots."""
        origin, name = self.origin(original_node) or "", original_node.attr.value
        if name in HOMES and of_optimum(origin) and origin.endswith(name):
            module, new = HOMES[name]
            return cst.Name(self.need(module, new, original_node))
        return updated_node


def of_optimum(dotted_name: str) -> bool:
    return any(dotted_name == root or dotted_name.startswith(f"{root}.") for root in OPTIMUM_ROOTS)
