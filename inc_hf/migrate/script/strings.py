"""Strings that name INC to Python: modules, packages, types and command lines."""

import re
from collections.abc import Iterator

import libcst as cst
from libcst.metadata import ScopeProvider

from inc_hf.migrate.script.constants import text_constants
from inc_hf.migrate.script.known import exists, why_missing
from inc_hf.migrate.script.names import dotted, first_of
from inc_hf.migrate.script.quoted import quoted_names
from inc_hf.migrate.script.rewriter import ROOTS, Rewriter

OLD = ROOTS[:-1]
NEW = ROOTS[-1]
# The first argument of these is the name of a module
OF_MODULES = (
    "import_module",
    "__import__",
    "find_spec",
    "find_loader",
    "LazyImport",
    "lazy_import",
    "getLogger",
    "get_logger",
    "importorskip",
    "reload",
    "is_package_available",
    "_is_package_available",
)
OF_PACKAGES = ("require_version", "version", "distribution", "get_distribution", "metadata", "require")
OF_COMMANDS = ("run", "Popen", "call", "check_call", "check_output", "system", "popen", "getoutput", "spawn")
PACKAGES = re.compile(
    r"neural[-_](?:compressor|coder|solution|insights)\b|\blpot\b|\bilit\b|optimum-intel|optimum\[(?:[\w-]+,)*inc\b"
)
VERSION = "It asks for a package that is not needed any more; leave the line out, or ask for inc-hf."
COMMAND = "This command line names INC; here the package is `inc-hf`, and the module `inc_hf`."
_COMMAND = re.compile(rf"(?:install\b.*|-m\s+)(?:{PACKAGES.pattern})")
_DOTTED = re.compile(rf"\b({'|'.join(OLD)})((?:\.\w+)*)")


class Strings(Rewriter):
    """Renames the package where a string names a module; marks versions and command lines that ask for it."""

    def visit_Module(self, node: cst.Module) -> None:
        super().visit_Module(node)
        self._quoted = quoted_names(node)
        self._modules: set[cst.CSTNode] = set()  # strings that name one
        self._constants = {name for name, text in text_constants(node).items() if text in OLD}
        self._annotations = 0  # around what is visited

    def visit_Call(self, node: cst.Call) -> None:
        parts = dotted(node.func).split(".")
        first = next((arg.value for arg in node.args if _name(arg) in ("", "name", "requirement")), None)
        if parts[-1] in OF_MODULES or parts[-3:-1] == ["sys", "modules"]:
            self._names_a_module(first)
        elif parts[-1] == "setitem" and len(node.args) > 1 and dotted(node.args[0].value) == "sys.modules":
            self._names_a_module(node.args[1].value)
        elif parts[-1] in OF_PACKAGES and any(PACKAGES.search(text) for text in _texts(first)):
            self.mark(VERSION)
        elif parts[-1] in OF_COMMANDS:
            self._runs([text for arg in node.args for text in _texts(arg.value)])

    def _names_a_module(self, value: cst.CSTNode | None) -> None:
        self._modules.add(value)
        if value is not None and (names := _names(value) & self._constants):
            self.mark(f"`{min(names)}` names the module of INC; here it is `{NEW}`.")

    def _runs(self, words: list[str]) -> None:
        if any(PACKAGES.search(word) and not _new_module(word) for word in words):
            self.mark(COMMAND)

    def visit_Assign(self, node: cst.Assign) -> None:
        if any(_COMMAND.search(text) for text in _texts(node.value)) and not isinstance(node.value, cst.Call):
            self.mark(COMMAND)

    def visit_Subscript(self, node: cst.Subscript) -> None:
        if dotted(node.value) == "sys.modules" and isinstance(node.slice[0].slice, cst.Index):
            self._names_a_module(node.slice[0].slice.value)

    def visit_Comparison(self, node: cst.Comparison) -> None:
        if any(dotted(each.comparator) == "sys.modules" for each in node.comparisons):
            self._names_a_module(node.left)

    def leave_SimpleString(self, original_node: cst.SimpleString, updated_node: cst.SimpleString) -> cst.SimpleString:
        text = original_node.raw_value
        if original_node in self._quoted:
            new = _DOTTED.sub(lambda match: _new_module(match[0]) or match[0], text)
        elif original_node in self._modules or "." in text:
            new = _new_module(text) or text
        else:
            new = text  # a folder's name, for example
        if new == text:
            return updated_node
        self.work.changes["names in strings"] += 1
        return updated_node.with_changes(value=original_node.value.replace(text, new))

    def visit_Annotation(self, node: cst.Annotation) -> None:
        self._annotations += 1

    def leave_Annotation(self, original_node: cst.Annotation, updated_node: cst.Annotation) -> cst.Annotation:
        self._annotations -= 1
        return updated_node

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        """A name in an annotation that nothing imports."""
        name = dotted(original_node)
        root, _, inner = name.partition(".")
        if not self._annotations or root not in OLD or self._is_bound(first_of(original_node)):
            return updated_node
        if new := _new_module(name):
            self.work.changes["names in annotations"] += 1
            return cst.parse_expression(new)
        if not _new_module(name.rpartition(".")[0]) or name.count(".") > 1:
            self.mark(why_missing(inner))
        return updated_node

    def _is_bound(self, name: cst.Name) -> bool:
        scope = self.get_metadata(ScopeProvider, name, None)
        return scope is None or bool(scope[name.value])


def _new_module(name: str) -> str:
    """What a module, or a name in one, is called here; "" if it is none of INC, or not here."""
    match = _DOTTED.fullmatch(name)
    return NEW + match[2] if match and (not match[2] or exists(NEW + match[2])) else ""


def _name(arg: cst.Arg) -> str:
    return arg.keyword.value if arg.keyword else ""


def _texts(value: cst.CSTNode | None) -> Iterator[str]:
    """The literal parts of strings in an expression."""
    if isinstance(value, cst.SimpleString):
        yield value.raw_value
    elif isinstance(value, cst.FormattedStringText):
        yield value.value
    elif value is not None:
        for child in value.children:
            yield from _texts(child)


def _names(value: cst.CSTNode) -> set[str]:
    names = {value.value} if isinstance(value, cst.Name) else set()
    return names.union(*map(_names, value.children))
