"""`neural_compressor` becomes `inc_hf`, wherever it is imported or named."""

from collections.abc import Sequence

import libcst as cst

from inc_hf.migrate.script.known import ELSEWHERE, exists, is_module, why_missing, why_refused
from inc_hf.migrate.script.marks import Left
from inc_hf.migrate.script.names import dotted, first_of
from inc_hf.migrate.script.rewriter import ROOTS, Rewriter

OLD = ROOTS[:-1]
NEW = ROOTS[-1]
OTHERS = {  # packages that came with INC, or before it -> what to do
    "ilit": "`ilit` is INC as it was called first; write it as INC 2.X or 1.X has it, see docs/migration.md.",
    "neural_coder": "`neural_coder` has no counterpart; call `inc_hf.quantization.fit`.",
    "neural_solution": "`neural_solution` has no counterpart in inc_hf; do without it.",
    "neural_insights": "`neural_insights` has no counterpart in inc_hf; do without it.",
    "intel_extension_for_transformers": (
        "`intel_extension_for_transformers` has no counterpart; for weights of few bits use approach='weight_only'."
    ),
}


class Imports(Rewriter):
    """Renames the package in imports and dotted names; marks what is not here, and what else came with INC."""

    def visit_Module(self, node: cst.Module) -> None:
        super().visit_Module(node)
        self._inside: set[cst.CSTNode] = set()  # of longer dotted names
        self._aliases: set[cst.CSTNode] = set()  # of `from` imports, and their names
        self._modules: set[cst.CSTNode] = set()  # strings that name one to a function

    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom):
        module = dotted(original_node.module)
        root, _, inner = module.partition(".")
        if root in OTHERS and not original_node.relative:
            self.mark(OTHERS[root])
        if original_node.relative or root not in OLD:
            return updated_node
        if isinstance(original_node.names, cst.ImportStar):
            self.mark(f"Name what is imported from {module}, so that it can be checked.")
            missing = []
        else:
            missing = [alias for alias in original_node.names if not exists(_new(inner, alias.name.value))]
        for alias in missing:
            self.mark(why_missing(".".join(filter(None, [inner, alias.name.value]))))
        for alias in [] if isinstance(original_node.names, cst.ImportStar) else original_node.names:
            if alias not in missing and (why := why_refused(_new(inner, alias.name.value))):
                self.mark(why)
        if missing and len(missing) == len(original_node.names):
            return updated_node
        self.work.changes["imports"] += 1
        return updated_node.with_changes(module=_renamed(updated_node.module))

    def leave_SimpleStatementLine(self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine):
        """Splits imports of which only some names are here."""
        match original_node.body:
            case [cst.ImportFrom(names=[*aliases], module=module, relative=[])] if dotted(module).split(".")[0] in OLD:
                return _split(updated_node, aliases, dotted(module).partition(".")[2])
        return updated_node

    def leave_ImportAlias(self, original_node: cst.ImportAlias, updated_node: cst.ImportAlias) -> cst.ImportAlias:
        name = dotted(original_node.name)
        root, _, inner = name.partition(".")
        if root in OTHERS and original_node not in self._aliases:
            self.mark(OTHERS[root])
        if root not in OLD or original_node in self._aliases:
            return updated_node
        if isinstance(original_node.name, cst.Name) and root == original_node.name.value:
            self.work.changes["imports"] += 1
        elif not is_module(_new(inner)):
            self.mark(why_missing(inner))
            return updated_node
        return updated_node.with_changes(name=_renamed(updated_node.name))

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        if not isinstance(node.names, cst.ImportStar):
            self._aliases |= {each for alias in node.names for each in (alias, alias.name)}

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        if original_node in self._aliases:
            return updated_node
        if original_node.value in OLD and self.origin(original_node) == original_node.value:
            return updated_node.with_changes(value=NEW)
        return updated_node

    def visit_Attribute(self, node: cst.Attribute) -> None:
        inner, name = self.inc_name(node), dotted(node)
        self._inside.add(node.value)
        if not inner or not name or node in self._inside:
            return
        if self.origin(first_of(node)) not in OLD:
            return
        parts = inner.split(".")
        there = next((n for n in range(len(parts), 0, -1) if exists(_new(*parts[:n]))), 0)
        if parts[0] in ELSEWHERE or there < len(parts) and is_module(_new(*parts[:there])):
            self.mark(why_missing(inner))
            return
        modules = [_new(*parts[:n]) for n in range(1, there + 1)]
        if found := [module for module in modules if is_module(module)]:
            self.need(found[-1], "", node)


def _split(line: cst.SimpleStatementLine, aliases: Sequence[cst.ImportAlias], inner: str) -> Left:
    there = [alias for alias in aliases if exists(_new(inner, alias.name.value))]
    missing = [alias for alias in aliases if alias not in there]
    if not there or not missing:
        return line
    (statement,) = line.body
    kept = statement.with_changes(names=listed(there), lpar=None, rpar=None)
    old = cst.parse_expression(f"neural_compressor{'.' if inner else ''}{inner}")
    rest = statement.with_changes(module=old, names=listed(missing), lpar=None, rpar=None)
    return cst.FlattenSentinel(
        [line.with_changes(body=[rest]), cst.SimpleStatementLine([kept], trailing_whitespace=line.trailing_whitespace)]
    )


def listed(aliases: Sequence[cst.ImportAlias]) -> list[cst.ImportAlias]:
    *others, last = aliases
    comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(" "))
    return [*(alias.with_changes(comma=comma) for alias in others), last.with_changes(comma=cst.MaybeSentinel.DEFAULT)]


def _new(*inner: str) -> str:
    return ".".join(filter(None, [NEW, *inner]))


def _renamed(node: cst.BaseExpression) -> cst.BaseExpression:
    if isinstance(node, cst.Attribute):
        return node.with_changes(value=_renamed(node.value))
    return node.with_changes(value=NEW)
