"""The deprecated hooks of 1.X get their present names."""

import libcst as cst

from inc_hf.migrate.script.names import dotted
from inc_hf.migrate.script.rewriter import Rewriter

RENAMED = {
    "pre_epoch_begin": "on_train_begin",
    "post_epoch_end": "on_train_end",
    "on_batch_begin": "on_step_begin",
    "on_batch_end": "on_step_end",
    "on_post_grad": "on_before_optimizer_step",
}
COMPONENTS = ("Quantization", "Pruning", "Distillation", "Component", "Scheduler")
OURS_ALONE = {"pre_epoch_begin", "post_epoch_end", "on_post_grad"}  # other packages call no hook so


class Hooks(Rewriter):
    """Renames them where the object is known to have them; marks calls that may be others'."""

    def visit_Module(self, node: cst.Module) -> None:
        super().visit_Module(node)
        self._owners = set()
        self._is_inc = False

    def visit_Assign(self, node: cst.Assign) -> None:
        if self._makes_hooks(node.value):
            self._owners |= {dotted(target.target) for target in node.targets}

    def _makes_hooks(self, value: cst.BaseExpression) -> bool:
        if isinstance(value, cst.Attribute):
            return value.attr.value == "callbacks" and dotted(value.value) in self._owners
        if not isinstance(value, cst.Call):
            return False
        name = (self.inc_name(value.func) or "").rpartition(".")[2]
        is_combination = isinstance(value.func, cst.Attribute) and value.func.attr.value == "combine"
        return (
            name in (*COMPONENTS, "prepare_compression") or is_combination and dotted(value.func.value) in self._owners
        )

    def visit_ImportFrom(self, node: cst.ImportFrom) -> None:
        self._is_inc |= dotted(node.module).partition(".")[0] in ("neural_compressor", "lpot", "inc_hf")

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.Attribute:
        name = original_node.attr.value
        if name not in RENAMED or not self._is_inc:
            return updated_node
        owner = dotted(original_node.value)
        if owner in self._owners or owner.removesuffix(".callbacks") in self._owners or name in OURS_ALONE:
            self.work.changes["hooks"] += 1
            return updated_node.with_changes(attr=cst.Name(RENAMED[name]))
        self.mark(f"If `{owner or 'this'}` has the hooks of INC, `{name}` is `{RENAMED[name]}` now.")
        return updated_node
