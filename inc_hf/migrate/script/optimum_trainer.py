"""`INCTrainer(pruning_config=..., ...)` as `Trainer(callbacks=[...])`."""

import libcst as cst

from inc_hf.migrate.script.flat_keywords import keyword, tidy
from inc_hf.migrate.script.names import dotted
from inc_hf.migrate.script.optimum import of_optimum
from inc_hf.migrate.script.optimum_names import TRAINERS
from inc_hf.migrate.script.rewriter import Rewriter

# In the order in which INCTrainer called them
CALLBACKS = {
    "pruning_config": "PruningCallback",
    "distillation_config": "DistillationCallback",
    "quantization_config": "QuantizationAwareTrainingCallback",
}
# Relative to the statement; the arguments of the trainer stand one level deeper
OPTIONAL = """*(
        kind(config)
        for kind, config in (
{}        )
        if config is not None
    )"""
DROPPED = ("task", "feature", "save_onnx_model")
ONNX = "`save_onnx_model` is gone: `inc-hf export DIR` writes ONNX from what is saved here."
# Attributes that Trainer has not
GONE = (
    *CALLBACKS,
    "compression_manager",
    "_compression_manager",
    "distillation_callback",
    "compute_distillation_loss",
    "get_model_sparsity",
    "inc_config",
    "agent",
    "feature",
    "task",
    "dtype",
    "_get_logits",
    "_set_task",
    "_onnx_export",
)


class OptimumTrainer(Rewriter):
    """Configs become callbacks, also in calls of a subclass of INCTrainer."""

    def visit_Module(self, node: cst.Module) -> None:
        super().visit_Module(node)
        self._subclasses: dict[str, cst.BaseExpression] = {}  # and the class of optimum-intel that each is made of
        self._trainers = set()
        self._inside: list[bool] = []  # of a class: whether it is a trainer
        self._always = definite_configs(node)

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        for base in node.bases:
            if self._is_trainer(base.value):
                self._subclasses[node.name.value] = self._subclasses.get(dotted(base.value), base.value)
        self._inside.append(node.name.value in self._subclasses)

    def leave_ClassDef(self, original_node: cst.ClassDef, updated_node: cst.ClassDef) -> cst.ClassDef:
        self._inside.pop()
        return updated_node

    def visit_Attribute(self, node: cst.Attribute) -> None:
        owner, name = dotted(node.value), node.attr.value
        if name in GONE and (owner in self._trainers or owner == "self" and self._inside and self._inside[-1]):
            self.mark(f"`{owner}.{name}` is gone: `Trainer` has callbacks instead; see docs/train.md.")

    def _is_trainer(self, name: cst.BaseExpression) -> bool:
        origin = self.origin(name) or ""
        last = dotted(name).rpartition(".")[2]
        return of_optimum(origin) and origin.rpartition(".")[2] in TRAINERS or last in self._subclasses

    def visit_Assign(self, node: cst.Assign) -> None:
        if isinstance(node.value, cst.Call) and self._is_trainer(node.value.func):
            self._trainers |= {dotted(target.target) for target in node.targets}

    def leave_Call(self, original_node: cst.Call, updated_node: cst.Call) -> cst.Call:
        function = original_node.func
        if self._is_init_of_base(function) and any(_name(arg) in CALLBACKS for arg in original_node.args):
            self.mark("`Trainer` takes no configs of INC: make them callbacks; see docs/train.md.")
        if isinstance(function, cst.Attribute) and dotted(function.value) in self._trainers:
            return self._method(function.attr.value, updated_node)
        is_imported = dotted(function).endswith("INCTrainer") and any(
            _name(arg) in CALLBACKS for arg in original_node.args
        )
        return self._made(original_node, updated_node) if self._is_trainer(function) or is_imported else updated_node

    def _is_init_of_base(self, function: cst.BaseExpression) -> bool:
        match function:
            case cst.Attribute(value=cst.Call(func=cst.Name("super")), attr=cst.Name("__init__")):
                return bool(self._inside) and self._inside[-1]
        return False

    def _method(self, name: str, call: cst.Call) -> cst.Call:
        kept = [arg for arg in call.args if _name(arg) != "save_onnx_model"]
        if name != "save_model" or len(kept) == len(call.args):
            return call
        self.mark(ONNX)
        return call.with_changes(args=tidy(call.args, kept))

    def _made(self, original: cst.Call, call: cst.Call) -> cst.Call:
        configs = {_name(arg): arg.value for arg in call.args if _name(arg) in CALLBACKS}
        configs = {name: value for name, value in configs.items() if not _is_none(value)}
        present = next((arg.value for arg in call.args if _name(arg) == "callbacks" and not _is_none(arg.value)), None)
        kept = []
        for arg in call.args:
            if _name(arg) == "tokenizer":
                arg = arg.with_changes(keyword=cst.Name("processing_class"))
            if _name(arg) not in (*CALLBACKS, *DROPPED, "callbacks"):
                kept.append(arg)
        if any(_name(arg) == "save_onnx_model" and dotted(arg.value) not in ("False", "None") for arg in call.args):
            self.mark(ONNX.replace("here", "by it"))
        if any(arg.star for arg in call.args):
            self.mark("If `**` passes a config of INC, make it a callback: see docs/train.md.")
        if len(call.args) - len(kept) == 0 and [*map(_name, kept)] == [*map(_name, call.args)]:
            return call
        beside = self._subclasses.get(dotted(original.func), original.func)
        value = self._callbacks(configs, beside, present)
        at = next((i for i, arg in enumerate(call.args) if _name(arg) in (*CALLBACKS, "callbacks")), len(kept))
        before = sum(1 for arg in call.args[:at] if _name(arg) not in (*CALLBACKS, *DROPPED, "callbacks"))
        if value is not None:
            kept.insert(before, keyword("callbacks", value))
        self.work.changes["arguments of trainers"] += 1
        return call.with_changes(args=tidy(call.args, kept))

    def _callbacks(
        self, configs: dict[str, cst.BaseExpression], beside: cst.CSTNode, present
    ) -> cst.BaseExpression | None:
        classes = {
            name: self.need("inc_hf.callbacks", CALLBACKS[name], beside) for name in CALLBACKS if name in configs
        }
        pairs = {cls: code(configs[name]) for name, cls in classes.items()}
        items = [f"{cls}({config})" for cls, config in pairs.items()]
        if not all(self._is_always(configs[name]) for name in classes):
            if len(pairs) == 1 and present is None:
                (config,) = pairs.values()
                return cst.parse_expression(f"[{items[0]}] if {config} is not None else []")
            items = [OPTIONAL.format("".join(f"            ({cls}, {config}),\n" for cls, config in pairs.items()))]
            if present is None:
                return cst.parse_expression(items[0].replace("*(", "[", 1).removesuffix(")") + "]")
        if isinstance(present, cst.List | cst.Tuple):
            items += [code(each.with_changes(comma=cst.MaybeSentinel.DEFAULT)) for each in present.elements]
        elif present is not None:
            items.append(f"*({code(present)} or [])")
        return cst.parse_expression(f"[{', '.join(items)}]") if items else None

    def _is_always(self, value: cst.BaseExpression) -> bool:
        return isinstance(value, cst.Call) or dotted(value) in self._always


def definite_configs(module: cst.Module) -> set[str]:
    """Names that every assignment makes by a call, and that are no arguments."""
    called, otherwise = set(), set()

    class Assignments(cst.CSTVisitor):
        def visit_Assign(self, node: cst.Assign) -> None:
            (called if isinstance(node.value, cst.Call) else otherwise).update(
                dotted(each.target) for each in node.targets
            )

        def visit_Param(self, node: cst.Param) -> None:
            otherwise.add(node.name.value)

    module.visit(Assignments())
    return called - otherwise


def code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)


def _name(arg: cst.Arg) -> str:
    return arg.keyword.value if arg.keyword else ""


def _is_none(value: cst.BaseExpression) -> bool:
    return isinstance(value, cst.Name) and value.value == "None"
