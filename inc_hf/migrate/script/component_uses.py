"""Where a script makes a component of 1.X, sets what it needs and lets it run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import libcst as cst
from libcst.metadata import Access, Assignment, ParentNodeProvider, ScopeProvider

from inc_hf.migrate.script.names import dotted

SETTERS = {
    "Quantization": {"model", "calib_dataloader", "q_func", "calib_func", "eval_func", "eval_dataloader", "metric"},
    "Pruning": {"model", "train_func", "pruning_func", "train_dataloader", "eval_func", "eval_dataloader", "metric"},
    "Distillation": {
        "model", "student_model", "teacher_model", "train_func", "train_dataloader", "eval_func", "eval_dataloader",
        "metric",
    },
    "MixedPrecision": {"model", "precisions", "eval_func", "eval_dataloader", "metric"},
    "Benchmark": {"model", "b_dataloader", "dataloader", "b_func"},
}  # fmt: skip
TRAINED = ("Pruning", "Distillation", "Quantization")  # have hooks
Line = cst.SimpleStatementLine


class UnclearError(Exception):
    """Why a component cannot be rewritten with certainty."""


@dataclass
class Component:
    """
    Args:
        kind (`str`): its class.
        name (`str`): the variable.
        made (`Line`): where it is made, by `call`.
        done (`Line`): where it runs, by `run`.
        block: what has the statement `done`; the setters are there, too.
        setters (`dict[str, Line]`): attribute -> the assignment.
        calls_hooks (`bool`): whether the script calls its hooks.
    """

    kind: str
    name: str
    made: Line
    call: cst.Call
    done: Line | None = None
    run: cst.Call | None = None
    block: cst.CSTNode | None = None
    setters: dict[str, Line] = field(default_factory=dict)
    calls_hooks: bool = False

    def value_of(self, attribute: str) -> cst.BaseExpression | None:
        line = self.setters.get(attribute)
        return line.body[0].value if line else None

    def lines_after(self, line: Line) -> Sequence[cst.CSTNode]:
        """The statements between a setter and the run."""
        body = list(self.block.body)
        return body[_index(body, line) + 1 : _index(body, self.done)]


def _index(body: list, line: cst.CSTNode) -> int:
    return next(i for i, each in enumerate(body) if each is line)


def complete(component: Component, get: Callable) -> None:
    """Find all uses of a component.

    Raises:
        UnclearError: one of them is none of those that are known.
    """
    target = component.made.body[0].targets[0].target
    scope = get(ScopeProvider, target)
    assignments = [each for each in scope[component.name] if isinstance(each, Assignment)]
    if len(assignments) != 1 or assignments[0].scope is not scope:
        raise UnclearError(f"`{component.name}` is assigned more than once")
    whys = []
    for access in assignments[0].references:  # a set: the reason is to be the same each time
        try:
            _add(component, access, get)
        except UnclearError as why:
            whys.append(str(why))
    if whys:
        raise UnclearError(min(whys))
    if component.done is None:
        raise UnclearError(f"there is no `{component.name}.fit()`")
    _check_places(component, get)


def _add(component: Component, access: Access, get: Callable) -> None:
    node = access.node
    name = node if isinstance(node, cst.Name) else _first(node)
    parent = get(ParentNodeProvider, name)
    if isinstance(parent, cst.Call) and parent.func is name:
        _add_run(component, parent, get)
        return
    if not isinstance(parent, cst.Attribute):
        raise UnclearError(f"`{component.name}` is passed on")
    above = get(ParentNodeProvider, parent)
    attribute = parent.attr.value
    if isinstance(above, cst.Call) and above.func is parent:
        if attribute == "fit":
            _add_run(component, above, get)
        elif is_hook(attribute) and component.kind in TRAINED:
            component.calls_hooks = True
        else:
            raise UnclearError(f"`{component.name}.{attribute}()` is called")
    elif isinstance(above, cst.AssignTarget) and attribute in SETTERS[component.kind]:
        _add_setter(component, attribute, _line_of(above, get))
    else:
        raise UnclearError(f"`{component.name}.{attribute}` is used")


def is_hook(name: str) -> bool:
    return name.startswith("on_") or name in ("pre_epoch_begin", "post_epoch_end")


def _first(node: cst.CSTNode) -> cst.Name:
    while isinstance(node, cst.Attribute):
        node = node.value
    return node


def _add_run(component: Component, call: cst.Call, get: Callable) -> None:
    if component.done is not None:
        raise UnclearError(f"`{component.name}` runs more than once")
    component.run, component.done = call, _line_of(call, get)
    component.block = get(ParentNodeProvider, component.done)


def _add_setter(component: Component, attribute: str, line: Line) -> None:
    assign = line.body[0]
    if attribute in component.setters or len(line.body) > 1 or len(assign.targets) > 1:
        raise UnclearError(f"`{component.name}.{attribute}` is set more than once")
    component.setters[attribute] = line


def _line_of(node: cst.CSTNode, get: Callable) -> Line:
    while not isinstance(node, Line):
        if isinstance(node, cst.Module | cst.BaseSuite):
            raise UnclearError("it is used in a line of several statements")
        node = get(ParentNodeProvider, node)
    return node


def _check_places(component: Component, get: Callable) -> None:
    for attribute, line in component.setters.items():
        if get(ParentNodeProvider, line) is not component.block:
            raise UnclearError(f"`{component.name}.{attribute}` is set under a condition, or elsewhere")
    body = list(component.block.body)
    if any(_index(body, line) > _index(body, component.done) for line in component.setters.values()):
        raise UnclearError(f"`{component.name}` is set after it ran")
    same_scope = get(ScopeProvider, component.run) is get(ScopeProvider, component.call)
    if not same_scope and component.calls_hooks:
        raise UnclearError(f"`{component.name}` is made in one function and runs in another")
    if not isinstance(component.done.body[0], cst.Assign | cst.Expr | cst.Return | cst.AnnAssign):
        raise UnclearError(f"the call of `{component.name}` stands in another statement")


def binds(statements: Sequence[cst.CSTNode], name: str) -> bool:
    """Whether one of these statements may change what a name stands for."""
    code = cst.Module([]).code_for_node
    return any(dotted_target(each, name, code) for each in statements)


def dotted_target(statement: cst.CSTNode, name: str, code: Callable) -> bool:
    found = False

    class Targets(cst.CSTVisitor):
        def visit_FunctionDef(self, node: cst.FunctionDef) -> bool:
            nonlocal found
            found |= node.name.value == name
            return False

        def visit_AssignTarget(self, node: cst.AssignTarget) -> None:
            nonlocal found
            found |= (
                dotted(node.target).partition(".")[0] == name or name in code(node.target).replace(",", " ").split()
            )

        def visit_For(self, node: cst.For) -> None:
            nonlocal found
            found |= name in code(node.target).replace(",", " ").split()

        def visit_AsName(self, node: cst.AsName) -> None:
            nonlocal found
            found |= dotted(node.name) == name

    statement.visit(Targets())
    return found
