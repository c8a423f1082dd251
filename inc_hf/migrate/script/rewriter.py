"""What all transformers here are made of: they know where names come from, ask for imports, and leave marks."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import libcst as cst
from libcst.metadata import ImportAssignment, QualifiedNameProvider, QualifiedNameSource, ScopeProvider

from inc_hf.migrate.script.added_imports import Filler, Wanted, place
from inc_hf.migrate.script.free_names import free_name
from inc_hf.migrate.script.marks import Left, Statement, with_marks

ROOTS = ("neural_compressor", "lpot", "inc_hf")  # the package's names, ours last
OPTIMUM = "optimum.intel"


@dataclass
class Work:
    """What the transformers of one file share.

    Args:
        path (`Path`): of the file; a conf is looked for beside it.
        changes (`Counter`): kind of change -> how many places.
        notes (`list[str]`): what a reader should know, without a place in the source.
    """

    path: Path
    changes: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


class Rewriter(cst.CSTTransformer):
    """Base of the transformers."""

    METADATA_DEPENDENCIES = (QualifiedNameProvider, ScopeProvider)

    def __init__(self, work: Work):
        super().__init__()
        self.work = work
        self.taken: set[str] = set()  # names that mean something in the script
        self._marks: list[list[str]] = []
        self._places: list[cst.CSTNode] = []  # imports of INC, in the order of their numbers
        self._wanted: dict[cst.CSTNode, Wanted] = defaultdict(lambda: defaultdict(dict))

    def visit_Module(self, node: cst.Module) -> None:
        self._first, self._header = (node.body[0] if node.body else None), node.header

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, Statement):
            self._marks.append([])
        return super().on_visit(node)

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> Left:
        left = super().on_leave(original_node, updated_node)
        if isinstance(original_node, Statement):
            left = with_marks(left, self._marks.pop(), self._header if original_node is self._first else ())
            left = self._with_place(original_node, left)
        if isinstance(original_node, cst.Module):
            wanted = [self._wanted.get(small, {}) for small in self._places]
            return left.visit(Filler(wanted)) if wanted else left
        return left

    def mark(self, text: str) -> None:
        """Put a comment above the statement that is being visited."""
        self._marks[-1].append(text)

    def origin(self, node: cst.CSTNode) -> str | None:
        """Where a name comes from, such as "neural_compressor.config.TuningCriterion"; None if it is not imported."""
        found = self.get_metadata(QualifiedNameProvider, node, set())
        found = found() if callable(found) else found
        # the least: where there are several, the answer is to be the same each time
        return min((name.name for name in found if name.source is QualifiedNameSource.IMPORT), default=None)

    def inc_name(self, node: cst.CSTNode) -> str | None:
        """Of a name of INC, what follows the package: "config.TuningCriterion"."""
        root, _, rest = (self.origin(node) or "").partition(".")
        return rest if root in ROOTS else None

    def need(self, module: str, name: str, beside: cst.CSTNode) -> str:
        """Import `name` where that was imported what `beside` names; returns what it is called there."""
        if name and self._is_imported(name, module, beside):
            return name
        called = self.called(name)
        self._wanted[self._import_of(beside)][module][name] = called
        return called

    def called(self, name: str) -> str:
        """What an import is called here."""
        return free_name(name, self.taken, f"inc_{name}") if name else name

    def _is_imported(self, name: str, module: str, beside: cst.CSTNode) -> bool:
        scope = self.get_metadata(ScopeProvider, beside, None)
        found = {each.name for each in scope.get_qualified_names_for(cst.Name(name))} if scope else set()
        inner = module.partition(".")[2]
        ways = (f"{root}.{way}" for root in ROOTS for way in (f"{inner}.{name}".lstrip("."), name))
        return f"{module}.{name}" in found or any(way in found for way in ways)

    def _import_of(self, node: cst.CSTNode) -> cst.CSTNode:
        first = node
        while isinstance(first, cst.Attribute | cst.Call):
            first = first.value if isinstance(first, cst.Attribute) else first.func
        scope = self.get_metadata(ScopeProvider, first)
        assignments = [each for each in scope[first.value] if isinstance(each, ImportAssignment)]
        return assignments[0].node

    def _with_place(self, original: Statement, left: Left) -> Left:
        """Room for imports behind a line that imports INC: what is needed is known when all has been visited."""
        found = [small for small in original.body if imports_inc(small)] if _is_line(original) else []
        if not found:
            return left
        self._places += found
        first = len(self._places) - len(found)
        return cst.FlattenSentinel([*nodes_of(left), *(place(first + i) for i in range(len(found)))])


def _is_line(statement: Statement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine)


def nodes_of(left: Left) -> list[Statement]:
    if isinstance(left, cst.RemovalSentinel):
        return []
    return list(left.nodes) if isinstance(left, cst.FlattenSentinel) else [left]


def imports_inc(small: cst.BaseSmallStatement) -> bool:
    """Whether it imports from INC or from optimum-intel."""
    code = cst.Module([]).code_for_node(small) if isinstance(small, cst.Import | cst.ImportFrom) else ""
    return any(root in code for root in (*ROOTS, OPTIMUM, "INCTrainer"))


def bound_names(module: cst.Module) -> set[str]:
    """All names that a module binds, anywhere, but for those that it imports from INC or optimum-intel."""

    class Bound(cst.CSTVisitor):
        def __init__(self):
            super().__init__()
            self.names: set[str] = set()

        def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
            self._add(node.target)

        def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
            self._add(node.target)

        def visit_Param(self, node: cst.Param) -> None:
            self._add(node.name)

        def visit_For(self, node: cst.For) -> None:
            self._add(node.target)

        def visit_Import(self, node: cst.Import) -> bool:
            return self._imported(node)

        def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
            return self._imported(node)

        def _imported(self, node: cst.Import | cst.ImportFrom) -> bool:
            if not imports_inc(node) and not isinstance(node.names, cst.ImportStar):
                self.names |= {
                    (alias.evaluated_alias or alias.evaluated_name).partition(".")[0] for alias in node.names
                }
            return False

        def visit_AsName(self, node: cst.AsName) -> None:
            self._add(node.name)

        def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
            self._add(node.name)

        def visit_ClassDef(self, node: cst.ClassDef) -> None:
            self._add(node.name)

        def _add(self, target: cst.CSTNode) -> None:
            if isinstance(target, cst.Name):
                self.names.add(target.value)
            elif isinstance(target, cst.Tuple | cst.List):
                for element in target.elements:
                    self._add(element.value)

    visitor = Bound()
    module.visit(visitor)
    return visitor.names
