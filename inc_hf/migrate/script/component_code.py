"""A component of 1.X as the calls of 2.X that do the same."""

from collections.abc import Callable
from dataclasses import dataclass, field

import libcst as cst

from inc_hf.migrate.script.component_conf import Written
from inc_hf.migrate.script.component_uses import Component, UnclearError, binds
from inc_hf.migrate.script.free_names import free_name
from inc_hf.migrate.script.names import dotted

EPOCH = "train_dataloader"  # the variable by which `python_code` counts the steps of an epoch
Need = Callable[[str, str], str]  # (module, name) -> what it is called here


@dataclass
class Calls:
    """
    Args:
        before (`list[str]`): lines that stand before the statement that ran the component.
        run (`str`): the call in its place.
        kept (`dict[str, str]`): setter -> the assignment that stands in its place; the others go.
        marks (`list[str]`): what a reader must look at.
    """

    run: str = ""
    before: list[str] = field(default_factory=list)
    kept: dict[str, str] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)


class Writer:
    """Writes the calls of one component.

    Args:
        taken: names that mean something in the script.
        is_model: whether a call makes a `common.Model` of INC.
    """

    def __init__(self, component: Component, text: Written, need: Need, taken: set[str], is_model: Callable):
        self.component, self.text, self.need, self.taken, self.is_model = component, text, need, taken, is_model
        self.calls = Calls()
        self.kept_names: set[str] = set()

    def write(self) -> Calls:
        """
        Raises:
            UnclearError: what the component needs is not set, or comes from the conf.
        """
        kind = self.component.kind
        if kind == "Quantization":
            self._quantization()
        elif kind in ("Pruning", "Distillation"):
            self._training(self._value("train_func") or self._value("pruning_func"))
        elif kind == "MixedPrecision":
            self._mixed_precision()
        else:
            self._benchmark()
        return self.calls

    def _quantization(self) -> None:
        calibration = self.text.conf.quantization.calibration
        if self.text.config == "quantization_aware":
            self._training(self._value("q_func") or self._value("calib_func"))
            return
        has_data = {"calib_dataloader", "q_func", "calib_func"} & set(self.component.setters)
        if calibration is not None and calibration.dataloader is not None and not has_data:
            raise UnclearError("its conf makes the calibration data")
        arguments = {
            "calib_dataloader": self._value("calib_dataloader"),
            "calib_func": self._value("q_func") or self._value("calib_func"),
            **self._evaluation(),
        }
        self._fit("quantization", self._model("model"), arguments)

    def _training(self, train_func: str | None) -> None:
        if train_func is None:
            raise UnclearError(
                "its conf says how to train" if self.component.kind != "Quantization" else "it has no `q_func`"
            )
        name = self.component.name
        model = self._value("student_model") or self._model("model")
        prepare, training = self.need("inc_hf.training", "prepare_compression"), self.need("inc_hf", "training")
        self.calls.before.append(f"{name} = {prepare}({model}, {self.text.variable})")
        evaluation = self._evaluation()
        self.calls.run = _call(f"{training}.fit", [name, train_func], evaluation)
        if self.component.kind == "Distillation" and evaluation:
            self.calls.marks.append(
                "1.X kept the model of the best epoch, this keeps that of the last; see docs/train.md."
            )

    def _mixed_precision(self) -> None:
        value = self.component.value_of("precisions")
        precisions = self._value("precisions")
        if precisions is not None:
            if not isinstance(value, cst.SimpleString | cst.List):
                raise UnclearError("its `precisions` are not known before the script runs")
            self.calls.before.append(f"{self.text.variable}.precisions = {precisions}")
        self._fit("mix_precision", self._model("model"), self._evaluation())

    def _benchmark(self) -> None:
        modes = [
            arg.value.evaluated_value for arg in self.component.run.args if isinstance(arg.value, cst.SimpleString)
        ]
        if self.component.run.args and modes != ["performance"]:
            raise UnclearError("it measures the accuracy, or it is not known what it measures")
        arguments = {
            "b_dataloader": self._value("b_dataloader") or self._value("dataloader"),
            "b_func": self._value("b_func"),
        }
        performance = self.text.conf.evaluation.performance
        if performance is not None and performance.dataloader is not None and not any(arguments.values()):
            raise UnclearError("its conf makes the data")
        self._fit("benchmark", self._model("model"), arguments)

    def _fit(self, verb: str, model: str, arguments: dict[str, str | None]) -> None:
        self.calls.run = _call(f"{self.need('inc_hf', verb)}.fit", [model, self.text.variable], arguments)

    def _evaluation(self) -> dict[str, str | None]:
        conf = self.text.conf
        found = {name: self._value(name) for name in ("eval_func", "eval_dataloader", "metric")}
        if (
            conf.tuning is not None
            and conf.tuning.exit_policy is not None
            and conf.tuning.exit_policy.performance_only
        ):
            return {}
        if found["eval_func"] is not None:
            return {"eval_func": found["eval_func"]}
        accuracy = conf.evaluation.accuracy if conf.evaluation is not None else None
        if found["metric"] is not None:
            return self._metric(found["eval_dataloader"])
        if found["eval_dataloader"] is None:
            if accuracy is not None and accuracy.dataloader is not None:
                raise UnclearError("its conf makes the evaluation data")
            return {}
        if accuracy is None or accuracy.postprocess is not None or accuracy.metric is None:
            raise UnclearError("its evaluation has a postprocess, or no metric")
        return {"eval_dataloader": found["eval_dataloader"], "eval_metric": _metric_text(accuracy.metric)}

    def _metric(self, data: str | None) -> dict[str, str | None]:
        """`metric = {"topk": 1}`, which 2.X takes as it is."""
        value = self.component.value_of("metric")
        if not isinstance(value, cst.Dict):
            raise UnclearError("its `metric` is an object of 1.X")
        if data is None:
            raise UnclearError("its `metric` has no `eval_dataloader`")
        self.calls.kept.pop("metric", None)
        return {"eval_dataloader": data, "eval_metric": code(value)}

    def _model(self, attribute: str) -> str:
        value = self._value(attribute)
        if value is None:
            raise UnclearError(f"`{self.component.name}.{attribute}` is not set")
        return value

    def _value(self, attribute: str) -> str | None:
        """What an attribute was set to, as text that means the same where the component runs."""
        value = self.component.value_of(attribute)
        if value is None:
            return None
        if isinstance(value, cst.Call) and self.is_model(value) and len(value.args) == 1:
            value = value.args[0].value
        text = code(value)
        first = dotted(value).partition(".")[0]
        stays = isinstance(value, cst.SimpleString | cst.List) or (
            first and not binds(self.component.lines_after(self.component.setters[attribute]), first)
        )
        if stays:
            return text
        name = free_name(attribute, self.taken, f"{self.component.name}_{attribute}")
        self.kept_names.add(name)
        self.calls.kept[attribute] = f"{name} = {text}"
        return name


def config_lines(writer: Writer, is_bound: Callable[[str], bool]) -> list[str]:
    """The lines that make the config, with what the script sets.

    Raises:
        UnclearError: it is not known how many steps an epoch has.
    """
    lines = "\n".join(writer.text.code.lines)
    if EPOCH in lines:
        data = writer._value("train_dataloader") or next(
            (name for name in (EPOCH, "train_loader") if is_bound(name)), None
        )
        if data is None:
            raise UnclearError("its conf counts in epochs; set `train_dataloader`")
        lines = lines.replace(f"len({EPOCH})", f"len({data})")
        writer.calls.marks.append(
            f"Check that an epoch has len({data}) optimizer steps: fewer if several batches make one."
        )
    if writer.text.config == "distillation":
        teacher = writer._value("teacher_model")
        if teacher is None:
            raise UnclearError("it has no `teacher_model`")
        lines = _with_teacher(lines, teacher)
    return lines.split("\n")


def _with_teacher(lines: str, teacher: str) -> str:
    made = "DistillationConfig("
    if f"{made}\n" in lines:
        return lines.replace(f"{made}\n", f"{made}\n    teacher_model={teacher},\n", 1)
    return lines.replace(made, f"{made}teacher_model={teacher}, ", 1).replace(", )", ")")


def _metric_text(metric: object) -> str:
    values = getattr(metric, "arguments", None)
    name = getattr(metric, "name", None)
    if name is None:
        raise UnclearError("its metric has no counterpart")
    if isinstance(values, dict):
        values = {key: value for key, value in values.items() if value is not None}
        values = next(iter(values.values())) if len(values) == 1 else values
    return repr({name: values}) if values else repr(name)


def _call(function: str, arguments: list[str], named: dict[str, str | None]) -> str:
    words = [*arguments, *(f"{name}={value}" for name, value in named.items() if value is not None)]
    return f"{function}({', '.join(words)})"


def code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)
