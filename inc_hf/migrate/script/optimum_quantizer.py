"""`INCQuantizer.quantize` as `IncQuantizer.quantize`: its arguments that are gone."""

import libcst as cst

from inc_hf.migrate.script.flat_keywords import tidy
from inc_hf.migrate.script.imports import dotted
from inc_hf.migrate.script.optimum import of_optimum
from inc_hf.migrate.script.rewriter import Rewriter

DROPPED = ("remove_unused_columns", "file_name")
MARKED = {
    "weight_only": "`weight_only` is gone: use approach='weight_only' in the config.",
    "save_onnx_model": "`save_onnx_model` is gone: call `.export(path)` of what `quantize` returns.",
    "use_auth_token": "`use_auth_token` is `token` now.",
}
LOADED = ("export", "use_cache", "use_auth_token", "q_model_name", "feature")  # of from_pretrained


class OptimumQuantizer(Rewriter):
    """Works on objects that `INCQuantizer` made."""

    def visit_Module(self, node: cst.Module) -> None:
        super().visit_Module(node)
        self._quantizers = set()

    def visit_Assign(self, node: cst.Assign) -> None:
        if isinstance(node.value, cst.Call) and self._is_class(node.value.func, "INCQuantizer"):
            self._quantizers |= {dotted(target.target) for target in node.targets}

    def _is_class(self, function: cst.BaseExpression, name: str) -> bool:
        origin = self.origin(function) or ""
        return of_optimum(origin) and any(part.startswith(name) for part in origin.split("."))

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        function = original_node.func
        if not isinstance(function, cst.Attribute):
            return updated_node
        owner, verb = function.value, function.attr.value
        makes = isinstance(owner, cst.Call) and self._is_class(owner.func, "INCQuantizer")
        if verb == "quantize" and (dotted(owner) in self._quantizers or makes):
            return self._without(updated_node, DROPPED, MARKED)
        if verb == "from_pretrained" and self._is_class(function, "INCModel"):
            return self._without(updated_node, LOADED, {})
        if verb == "get_calibration_dataset" and dotted(owner) in self._quantizers:
            return self._without(updated_node, (), {"use_auth_token": MARKED["use_auth_token"]})
        return updated_node

    def _without(self, call: cst.Call, dropped: tuple[str, ...], marked: dict[str, str]) -> cst.Call:
        kept = []
        for arg in call.args:
            name = arg.keyword.value if arg.keyword else ""
            if name in marked and not (isinstance(arg.value, cst.Name) and arg.value.value in ("False", "None")):
                self.mark(marked[name])
            if name in dropped or name in marked:
                self.work.changes["arguments of optimum-intel"] += 1
            else:
                kept.append(arg)
        return call.with_changes(args=tidy(call.args, kept)) if len(kept) < len(call.args) else call
