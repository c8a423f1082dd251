"""Classes of optimum-intel for INC get the names that they have here."""

import re

import libcst as cst
from libcst.metadata import Scope, ScopeProvider

from inc_hf.migrate.script.added_imports import lines_for
from inc_hf.migrate.script.imports import listed
from inc_hf.migrate.script.marks import Left
from inc_hf.migrate.script.names import dotted, first_of
from inc_hf.migrate.script.optimum_names import OPTIMUM_ROOTS, RENAMED, TRAINERS, why_missing
from inc_hf.migrate.script.quoted import quoted_names
from inc_hf.migrate.script.rewriter import Rewriter

HOMES = {**RENAMED, **{old: ("transformers", new) for old, new in TRAINERS.items()}}
SUBMODULES = ("neural_compressor", "intel")  # imported as names, and used with dots
_WORD = re.compile(r"[A-Za-z_]\w*")


class Optimum(Rewriter):
    """Renames them where they are imported and used; others of INC are marked, those of OpenVINO and IPEX stay."""

    def visit_Module(self, node: cst.Module) -> None:
        super().visit_Module(node)
        self._inside: set[cst.CSTNode] = set()  # of longer dotted names
        self._quoted = quoted_names(node)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Left:
        match updated_node.body:
            case [cst.ImportFrom(names=[*aliases], module=module, relative=[]) as statement] if of_optimum(
                dotted(module)
            ):
                return self._imports(updated_node, statement, aliases)
        return updated_node

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        module = dotted(node.module)
        if isinstance(node.names, cst.ImportStar) and module in OPTIMUM_ROOTS:
            self.mark(f"Name what is imported from {module}, so that it can be rewritten.")

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
            if old not in SUBMODULES and (why := why_missing(old, dotted(statement.module))):
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

    def visit_Attribute(self, node: cst.Attribute) -> None:
        """Marks `optimum.intel.INCConfig`, with all its dots."""
        self._inside.add(node.value)
        origin = self.origin(node) or ""
        bound = self.origin(first_of(node)) or ""  # by the import, which has a mark if that is no module
        if node in self._inside or not of_optimum(origin) or of_optimum(bound) and bound not in OPTIMUM_ROOTS:
            return
        parts = [part for part in origin.split(".")[2:] if part != "neural_compressor"]
        if parts and not any(part in HOMES for part in parts):
            name = next((part for part in parts if part[0].isupper()), parts[-1])
            if why := why_missing(name, origin.partition(f".{name}")[0]):
                self.mark(why)

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        """`optimum.intel.INCQuantizer`, with all its dots."""
        origin, name = self.origin(original_node) or "", original_node.attr.value
        if name in HOMES and of_optimum(origin) and origin.endswith(name):
            module, new = HOMES[name]
            self.work.changes["classes of optimum-intel"] += 1
            return cst.Name(self.need(module, new, original_node))
        return updated_node

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:
        """`q: "INCQuantizer"`"""
        if original_node not in self._quoted:
            return updated_node
        scope = self.get_metadata(ScopeProvider, original_node, None)
        new = _WORD.sub(lambda match: self._quoted_name(match[0], scope), original_node.value)
        return updated_node.with_changes(value=new)

    def _quoted_name(self, name: str, scope: Scope | None) -> str:
        if name not in HOMES or name in self.taken or scope is None:
            return name
        origins = {each.name for each in scope.get_qualified_names_for(cst.Name(name))}
        return HOMES[name][1] if any(map(of_optimum, origins)) else name


def of_optimum(dotted_name: str) -> bool:
    return any(dotted_name == root or dotted_name.startswith(f"{root}.") for root in OPTIMUM_ROOTS)
