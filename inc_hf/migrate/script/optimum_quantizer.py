"""`INCQuantizer.quantize` as `IncQuantizer.quantize`: its arguments and attributes that are gone."""

import libcst as cst

from inc_hf.migrate.script.flat_keywords import tidy
from inc_hf.migrate.script.known import has_attribute
from inc_hf.migrate.script.names import dotted
from inc_hf.migrate.script.optimum import of_optimum
from inc_hf.migrate.script.rewriter import Rewriter

ANY = "any value"
# What is gone -> the value with which nothing is lost, and what to say of others
QUANTIZE = {
    "remove_unused_columns": (ANY, ""),
    "file_name": ("None", "`file_name` is gone: the weights are in model.safetensors."),
    "weight_only": ("False", "`weight_only` is gone: use approach='weight_only' in the config."),
    "save_onnx_model": ("False", "`save_onnx_model` is gone: call `.export(path)` of what `quantize` returns."),
}
LOADED = {
    "export": (ANY, ""),
    "feature": (ANY, ""),
    "use_cache": ("True", "`use_cache` is gone: set `model.config.use_cache`."),
    "file_name": ("None", "`file_name` is gone: the weights are in model.safetensors."),
    "q_model_name": ("None", "`q_model_name` is gone: the weights are in model.safetensors."),
    "quantization_config": ("None", "`quantization_config` is gone: a float model is quantized by `IncQuantizer`."),
}
RENAMED = {"use_auth_token": "token"}
ATTRIBUTES = {"_quantized_model": "quantized_model.model", "_original_model": "model"}
POSITIONAL = 5  # arguments of `quantize` that stand in the same order here


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

    def leave_Attribute(self, original_node: cst.Attribute, updated_node: cst.Attribute) -> cst.BaseExpression:
        owner, name = dotted(original_node.value), original_node.attr.value
        if owner not in self._quantizers:
            if name == "_quantized_model":
                self.mark(f"If `{owner or 'this'}` is a quantizer, `{name}` is `{ATTRIBUTES[name]}` now.")
            return updated_node
        if name not in ATTRIBUTES:
            if not has_attribute("IncQuantizer", name):
                self.mark(f"`IncQuantizer` has no `{name}`.")
            return updated_node
        self.work.changes["attributes of optimum-intel"] += 1
        value = updated_node.value
        for part in ATTRIBUTES[name].split("."):
            value = cst.Attribute(value, cst.Name(part))
        return value

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        function = original_node.func
        if not isinstance(function, cst.Attribute):
            return updated_node
        owner, verb = function.value, function.attr.value
        makes = isinstance(owner, cst.Call) and self._is_class(owner.func, "INCQuantizer")
        if verb == "quantize" and (dotted(owner) in self._quantizers or makes):
            if sum(not arg.keyword and not arg.star for arg in original_node.args) > POSITIONAL:
                self.mark("`quantize` has other arguments behind `data_collator` now; name them.")
            return self._without(updated_node, QUANTIZE)
        if verb == "from_pretrained" and self._is_class(function, "INCModel"):
            return self._without(updated_node, LOADED)
        if verb == "get_calibration_dataset" and dotted(owner) in self._quantizers:
            return self._without(updated_node, {})
        return updated_node

    def _without(self, call: cst.Call, gone: dict[str, tuple[str, str]]) -> cst.Call:
        kept = []
        names = {arg.keyword.value for arg in call.args if arg.keyword}
        for arg in call.args:
            name, value = arg.keyword.value if arg.keyword else "", dotted(arg.value)
            if name in gone and value != gone[name][0] != ANY:
                self.mark(gone[name][1])
            if name == "remove_unused_columns" and value != "True":
                self.work.note(f"`{name}` of `quantize` is gone: columns that the model does not take are left out.")
            is_gone = name in gone or name in RENAMED and (value in ("None", "False") or RENAMED[name] in names)
            if is_gone or name in RENAMED:
                self.work.changes["arguments of optimum-intel"] += 1
            if not is_gone:
                kept.append(arg.with_changes(keyword=cst.Name(RENAMED[name])) if name in RENAMED else arg)
        if len(kept) < len(call.args):
            return call.with_changes(args=tidy(call.args, kept))
        return call.with_changes(args=kept)
