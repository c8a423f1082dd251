"""`neural_compressor` becomes `inc_hf`, wherever it is imported or named."""

import re
from collections.abc import Sequence

import libcst as cst

from inc_hf.migrate.script.known import ELSEWHERE, exists, is_module, why_missing, why_refused
from inc_hf.migrate.script.marks import Left
from inc_hf.migrate.script.names import dotted, first_of
from inc_hf.migrate.script.rewriter import ROOTS, Rewriter

OLD = ROOTS[:-1]
NEW = ROOTS[-1]
# Functions whose first argument is the name of a module.
IMPORTERS = (
    "import_module",
    "__import__",
    "find_spec",
    "LazyImport",
    "getLogger",
    "get_logger",
    "importorskip",
    "reload",
)
_DOTTED = re.compile(rf"({'|'.join(OLD)})((\.\w+)*)")


class Imports(Rewriter):
    """Renames the package in imports, dotted names and strings that name a module; marks what is not here."""

    def visit_Module(self, node: cst.Module) -> None:
        super().visit_Module(node)
        self._inside: set[cst.CSTNode] = set()  # of longer dotted names
        self._aliases: set[cst.CSTNode] = set()  # of `from` imports, and their names
        self._modules: set[cst.CSTNode] = set()  # strings that name one to a function

    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom):
        module = dotted(original_node.module)
        root, _, inner = module.partition(".")
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
        if inner.partition(".")[0] in ELSEWHERE or not exists(_new(inner)):
            if not any(exists(_new(inner.rsplit(".", n)[0])) for n in range(1, inner.count(".") + 1)):
                self.mark(why_missing(inner))
            return
        parts = inner.split(".")
        modules = [_new(".".join(parts[:n])) for n in range(1, len(parts) + 1)]
        if found := [module for module in modules if is_module(module)]:
            self.need(found[-1], "", node)

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:
        value = original_node.raw_value
        if match := _DOTTED.fullmatch(value):
            is_module = bool(match[2]) or original_node in self._modules
            if not is_module or match[2] and not exists(NEW + match[2]):
                return updated_node  # a folder's name, for example
            self.work.changes["names in strings"] += 1
            return updated_node.with_changes(value=original_node.value.replace(value, NEW + match[2]))
        return updated_node

    def visit_Call(self, node: cst.Call) -> None:
        name = dotted(node.func).rpartition(".")[2]
        if name in IMPORTERS and node.args:
            self._modules.add(node.args[0].value)
        if name in ("require_version", "version") and any(
            "neural" in text or "optimum-intel" in text for text in _texts(node)[:1]
        ):
            self.mark("It asks for a package that is not needed any more; leave the line out, or ask for inc-hf.")


def _texts(call: cst.Call) -> Sequence[str]:
    return [arg.value.raw_value for arg in call.args if isinstance(arg.value, cst.SimpleString)]


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
