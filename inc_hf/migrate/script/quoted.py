"""Strings that are names to Python or to a type checker."""

import libcst as cst

from inc_hf.migrate.script.names import dotted

TYPED = ("cast", "TypeVar", "ForwardRef", "NewType")


def quoted_names(module: cst.Module) -> set[cst.SimpleString]:
    """Strings in annotations, in calls of `cast` and the like, and in `__all__`."""
    finder = _Finder()
    module.visit(finder)
    return finder.found


class _Finder(cst.CSTVisitor):
    def __init__(self):
        super().__init__()
        self.found: set[cst.SimpleString] = set()
        self._depth = 0  # of annotations and the like around what is visited

    def visit_Annotation(self, node: cst.Annotation) -> None:
        self._depth += 1

    def leave_Annotation(self, original_node: cst.Annotation) -> None:
        self._depth -= 1

    def visit_Call(self, node: cst.Call) -> None:
        self._depth += _is_typed(node)

    def leave_Call(self, original_node: cst.Call) -> None:
        self._depth -= _is_typed(original_node)

    def visit_Assign(self, node: cst.Assign) -> None:
        self._depth += _is_all(node)

    def leave_Assign(self, original_node: cst.Assign) -> None:
        self._depth -= _is_all(original_node)

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        if self._depth:
            self.found.add(node)


def _is_typed(call: cst.Call) -> bool:
    return dotted(call.func).rpartition(".")[2] in TYPED


def _is_all(assign: cst.Assign) -> bool:
    return any(dotted(target.target) == "__all__" for target in assign.targets)
