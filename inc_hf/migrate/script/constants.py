"""Texts and paths that are known before a script runs."""

import os
from collections.abc import Callable
from pathlib import PurePath

import libcst as cst

from inc_hf.migrate.script.names import dotted

Value = str | PurePath
_SAME = ("str", "os.fspath", "os.path.abspath", "os.path.realpath", "os.path.normpath", "os.path.expanduser")


def text_constants(module: cst.Module, file: str = "") -> dict[str, Value]:
    """Names that are bound once, to a text or a path.

    Args:
        file: what `__file__` stands for.
    """
    found: dict[str, list] = {}

    class Values(cst.CSTVisitor):
        def visit_Assign(self, node: cst.Assign) -> None:
            for target in node.targets:
                found.setdefault(dotted(target.target), []).append(node.value)

        def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
            found.setdefault(dotted(node.target), []).append(node.value)

        def visit_AugAssign(self, node: cst.AugAssign) -> None:
            found.setdefault(dotted(node.target), []).append(None)

        def visit_Param(self, node: cst.Param) -> None:
            found.setdefault(node.name.value, []).append(None)

    module.visit(Values())
    known: dict[str, Value] = {"__file__": file} if file else {}
    for name, values in found.items():  # in their order: one may be made of those above it
        if len(values) == 1 and name and (value := value_of(values[0], known)) is not None:
            known[name] = value
    return known


def value_of(node: cst.CSTNode | None, known: dict[str, Value]) -> Value | None:
    """The text or path that an expression stands for, if it is known."""
    match node:
        case cst.SimpleString() | cst.ConcatenatedString():
            value = node.evaluated_value
            return value if isinstance(value, str) else None
        case cst.Name() if node.value in known:
            return known[node.value]
        case cst.BinaryOperation(left=left, right=right, operator=operator):
            return _joined(value_of(left, known), value_of(right, known), operator)
        case cst.Call():
            return _called(node, known)
        case cst.Attribute(value=value, attr=cst.Name("parent")):
            inner = value_of(value, known)
            return inner.parent if isinstance(inner, PurePath) else None
        case cst.Attribute():
            return known.get(dotted(node))
    return None


def _joined(left: Value | None, right: Value | None, operator: cst.BaseBinaryOp) -> Value | None:
    match left, right, operator:
        case PurePath(), str() | PurePath(), cst.Divide():
            return left / right
        case str(), str(), cst.Add():
            return left + right
    return None


def _called(call: cst.Call, known: dict[str, Value]) -> Value | None:
    function = dotted(call.func)
    if isinstance(call.func, cst.Attribute) and call.func.attr.value in ("resolve", "absolute") and not call.args:
        return value_of(call.func.value, known)
    values = [value_of(arg.value, known) for arg in call.args]
    if not values or None in values or any(arg.keyword or arg.star for arg in call.args):
        return None
    return _result(function if "." in function else _full(function), values)


def _full(function: str) -> str:
    """`join` of `from os.path import join`."""
    return f"os.path.{function}" if function in ("join", "dirname", "abspath", "realpath") else function


def _result(function: str, values: list[Value]) -> Value | None:
    texts = [str(value) for value in values]
    made: dict[str, Callable[[], Value]] = {
        "os.path.join": lambda: os.path.join(*texts),
        "os.path.dirname": lambda: os.path.dirname(texts[0]),
        "Path": lambda: PurePath(*texts),
        "pathlib.Path": lambda: PurePath(*texts),
    }
    if function in made:
        return made[function]()
    return texts[0] if function in _SAME and len(texts) == 1 else None
