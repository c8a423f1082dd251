"""Classes of `neural_compressor.experimental` become 2.X code; what is not certain stays 1.X, and is marked."""

from collections import defaultdict
from collections.abc import Sequence

import libcst as cst
from libcst.metadata import ParentNodeProvider, QualifiedNameProvider, ScopeProvider

from inc_hf.migrate.script.component_code import Writer, config_lines
from inc_hf.migrate.script.component_conf import written
from inc_hf.migrate.script.component_uses import SETTERS, Component, UnclearError, complete
from inc_hf.migrate.script.constants import text_constants
from inc_hf.migrate.script.free_names import bound_by, free_name
from inc_hf.migrate.script.marks import Left, Statement
from inc_hf.migrate.script.removed import gone
from inc_hf.migrate.script.rewriter import Rewriter

INSTEAD = {
    "Quantization": "quantization.fit",
    "Pruning": "training.prepare_compression",
    "Distillation": "training.prepare_compression",
    "MixedPrecision": "mix_precision.fit",
    "Benchmark": "benchmark.fit",
    "Scheduler": "orchestration.run_stages",
}


class Components(Rewriter):
    """Rewrites `x = Quantization("conf.yaml")`, its setters and `x.fit()`."""

    METADATA_DEPENDENCIES = (QualifiedNameProvider, ScopeProvider, ParentNodeProvider)

    def visit_Module(self, node: cst.Module) -> None:
        super().visit_Module(node)
        self._new: dict[cst.CSTNode, list[Statement]] = {}  # line -> what stands in its place
        self._run: dict[cst.CSTNode, cst.BaseExpression] = {}  # call -> the new call
        self._unclear: dict[cst.CSTNode, str] = {}  # line -> the mark
        self._constants = text_constants(node, str(self.work.path))
        self._made: dict[object, set[str]] = defaultdict(set)  # scope -> names that new code binds there
        self._seen: set[cst.CSTNode] = set()  # calls that make a component in a statement of their own
        node.visit(_Lines(self._try))

    def _try(self, line: cst.SimpleStatementLine) -> None:
        match line.body:
            case [cst.Assign(value=cst.Call(func=function) as call, targets=targets)]:
                inner = self.inc_name(function) or ""
                kind = inner.rpartition(".")[2]
                if (
                    not inner.startswith(("experimental", "Quantization", "Pruning", "Benchmark"))
                    or kind not in INSTEAD
                ):
                    return
            case _:
                return
        self._seen.add(call)
        try:
            if kind not in SETTERS:
                raise UnclearError("it runs several components")
            match targets:
                case [cst.AssignTarget(target=cst.Name(value=name))]:
                    self._rewrite(Component(kind, name, line, call))
                case _:
                    raise UnclearError("it is no plain variable")
        except UnclearError as why:
            self._unclear[line] = kept(kind, str(why))

    def _rewrite(self, component: Component) -> None:
        get = self.get_metadata
        complete(component, get)
        scope = get(ScopeProvider, component.run)
        taken = self.taken | self._globals(component) | self._made[scope]
        text = written(component, self.work.path.parent, self._constants)
        imported = {name: self.called(name) for _, name in _imported(text.code.imports)}
        bound = {name: _free(component, name, taken) for name in bound_by(text.code.lines)}
        needed: list[tuple[str, str]] = []

        def need(module: str, name: str) -> str:
            needed.append((module, name))
            return self.called(name)

        writer = Writer(component, text.renamed(imported | bound), need, taken, self._is_model)
        calls = writer.write()
        lines = config_lines(writer, lambda name: bool(scope[name]))
        for module, name in [*needed, *_imported(text.code.imports)]:
            self.need(module, name, component.call.func)
        self._made[scope].update(bound.values(), writer.kept_names)
        self._place(component, lines, calls)
        self.work.changes["classes of 1.X"] += 1
        for note in text.code.notes:
            self.work.note(note)

    def _globals(self, component: Component) -> set[str]:
        scope = self.get_metadata(ScopeProvider, component.run)
        return {name for name in SETTERS[component.kind] if scope[name]}

    def _is_model(self, call: cst.Call) -> bool:
        return (self.inc_name(call.func) or "").rpartition(".")[2] == "Model"

    def _place(self, component: Component, lines: Sequence[str], calls) -> None:
        same_block = self.get_metadata(ParentNodeProvider, component.made) is component.block
        late = component.kind in ("Pruning", "Distillation") or not same_block
        config = _statements(lines)
        before = _statements(calls.before)
        if late:
            before, config = [*config, *before], []
        self._new[component.made] = _in_place(component.made, config)
        for attribute, line in component.setters.items():
            kept = calls.kept.get(attribute)
            self._new[line] = _in_place(line, _statements([kept]) if kept else [])
        self._new[component.done] = before
        if calls.marks:
            self._unclear[component.done] = " ".join(calls.marks)
        self._run[component.run] = cst.parse_expression(calls.run)

    def visit_Call(self, node: cst.Call) -> None:
        inner = self.inc_name(node.func) or ""
        kind = inner.rpartition(".")[2]
        if inner.startswith("experimental") and kind in INSTEAD and node not in self._seen:
            self.mark(kept(kind, "its call is no statement of its own"))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.BaseExpression:
        return self._run.get(original_node, updated_node)

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Left:
        if original_node in self._unclear:
            self.mark(self._unclear[original_node])
        if original_node not in self._new:
            return updated_node
        new = self._new[original_node]
        if not any(call for call in self._run if _contains(original_node, call)):
            return cst.FlattenSentinel(new)
        if not new:
            return updated_node
        first, *rest = new
        first = first.with_changes(leading_lines=updated_node.leading_lines)
        return cst.FlattenSentinel([first, *rest, updated_node.with_changes(leading_lines=[])])


def kept(kind: str, why: str) -> str:
    """The mark on a component that is not rewritten."""
    return f"`{kind}` is kept from 1.X: {why.removesuffix('.')}. 2.X has `{INSTEAD[kind]}`."


def _free(component: Component, name: str, taken: set[str]) -> str:
    """What a variable of the config is called: by the component, if its own name means something else."""
    return free_name(name, taken, f"{component.name}_{name.rpartition('_')[2]}", f"inc_{name}")


class _Lines(cst.CSTVisitor):
    def __init__(self, found):
        super().__init__()
        self.found = found

    def visit_SimpleStatementLine(self, node: cst.SimpleStatementLine) -> None:
        self.found(node)


def _contains(line: cst.CSTNode, call: cst.CSTNode) -> bool:
    return line is call or any(_contains(child, call) for child in line.children)


def _statements(lines: Sequence[str]) -> list[Statement]:
    return list(cst.parse_module("\n".join(lines) + "\n").body) if lines else []


def _in_place(line: cst.SimpleStatementLine, new: list[Statement]) -> list[Statement]:
    """The new lines with the comments of the old one, or a place-holder that has them."""
    if not new:
        return [gone(line)]
    first, *rest = new
    lines = [first.with_changes(leading_lines=line.leading_lines), *rest]
    lines[-1] = lines[-1].with_changes(trailing_whitespace=line.trailing_whitespace)
    return lines


def _imported(lines: Sequence[str]) -> list[tuple[str, str]]:
    found = []
    for statement in _statements(lines):
        imported = statement.body[0]
        module = cst.Module([]).code_for_node(imported.module)
        found += [(module, alias.name.value) for alias in imported.names]
    return found
