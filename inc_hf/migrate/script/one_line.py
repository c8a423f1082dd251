"""`q = Quantization("conf.yaml"); q.model = model` as two lines."""

import libcst as cst

from inc_hf.migrate.script.component_uses import SETTERS
from inc_hf.migrate.script.marks import Left
from inc_hf.migrate.script.names import dotted, first_of
from inc_hf.migrate.script.rewriter import Rewriter


class OneLine(Rewriter):
    """Splits lines of several statements where one of them has to do with a component of 1.X."""

    def visit_Module(self, node: cst.Module) -> None:
        super().visit_Module(node)
        self._components: set[str] = set()

    def visit_Assign(self, node: cst.Assign) -> None:
        if isinstance(node.value, cst.Call):
            inner = self.inc_name(node.value.func) or ""
            if inner.rpartition(".")[2] in SETTERS:
                self._components |= {dotted(target.target) for target in node.targets}

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> Left:
        if len(original_node.body) < 2 or not any(map(self._uses, original_node.body)):
            return updated_node
        smalls = [small.with_changes(semicolon=cst.MaybeSentinel.DEFAULT) for small in updated_node.body]
        lines = [cst.SimpleStatementLine([small]) for small in smalls]
        lines[0] = lines[0].with_changes(leading_lines=updated_node.leading_lines)
        lines[-1] = lines[-1].with_changes(trailing_whitespace=updated_node.trailing_whitespace)
        return cst.FlattenSentinel(lines)

    def _uses(self, small: cst.BaseSmallStatement) -> bool:
        if not isinstance(small, cst.Assign | cst.Expr):
            return False
        value = small.value.func if isinstance(small.value, cst.Call) else small.value
        owners = [value, *(target.target for target in getattr(small, "targets", ()))]
        return any(dotted(first_of(owner)) in self._components for owner in owners)
