"""The YAML file that a component of 1.X is made with, as source text of 2.X."""

from dataclasses import dataclass, replace
from pathlib import Path

import libcst as cst

from inc_hf.migrate.conf import Conf, ConfError, read_conf
from inc_hf.migrate.conf.python_code import PythonCode, python_code
from inc_hf.migrate.script.component_uses import Component, UnclearError
from inc_hf.migrate.script.constants import Value, value_of
from inc_hf.migrate.script.free_names import renamed

SECTIONS = (
    "quantization",
    "pruning",
    "distillation",
    "mixed_precision",
    "graph_optimization",
    "model_conversion",
    "evaluation",
)
OWN = {
    "Quantization": ("quantization",),
    "Pruning": ("pruning",),
    "Distillation": ("distillation",),
    "MixedPrecision": ("mixed_precision", "graph_optimization"),
    "Benchmark": ("evaluation",),
}
KINDS = {
    "Quantization": ("post_training", "quantization_aware"),
    "Pruning": ("pruning",),
    "Distillation": ("distillation",),
    "MixedPrecision": ("mixed_precision",),
    "Benchmark": ("benchmark",),
}
NOTHING_GIVEN = {
    "Quantization": {"quantization": {}},
    "MixedPrecision": {"mixed_precision": {"precisions": "bf16"}},
    "Benchmark": {"evaluation": {"performance": {}}},
}


@dataclass
class Written:
    """A conf and its source text.

    Args:
        conf (`Conf`): all of the file.
        code (`PythonCode`): of the one config that the component needs.
        config (`str`): the kind of this config.
        variable (`str`): what holds it.
    """

    conf: Conf
    code: PythonCode
    config: str
    variable: str

    def renamed(self, names: dict[str, str]) -> "Written":
        """With other names in the source text."""
        code = replace(self.code, lines=renamed(self.code.lines, names))
        return replace(self, code=code, variable=names.get(self.variable, self.variable))


def written(component: Component, folder: Path, constants: dict[str, Value]) -> Written:
    """The conf of a component.

    Raises:
        UnclearError: it is not known before the script runs, or it has no counterpart in 2.X.
    """
    try:
        conf = _read(component, folder, constants)
        own = OWN[component.kind]
        if not any(getattr(conf, section) is not None for section in own):
            raise UnclearError(f"its conf has no section `{own[0]}`")
        code = python_code(replace(conf, train=None, **{name: None for name in SECTIONS if name not in own}))
    except ConfError as error:
        raise UnclearError(f"its conf has no translation: {str(error).replace(f'{folder}/', '')}") from error
    kind = next((kind for kind in KINDS[component.kind] if kind in code.names), None)
    if kind is None:
        raise UnclearError("its conf asks for nothing that 2.X has")
    return Written(conf, code, kind, code.names[kind])


def _read(component: Component, folder: Path, constants: dict[str, Value]) -> Conf:
    args = [arg for arg in component.call.args if not _is_none(arg.value)]
    if not args:
        if component.kind not in NOTHING_GIVEN:
            raise UnclearError("it has no conf")
        return read_conf({"model": {"name": "model", "framework": "pytorch_fx"}, **NOTHING_GIVEN[component.kind]})
    name = value_of(args[0].value, constants)
    if name is None or len(args) > 1:
        raise UnclearError("its conf is not known before the script runs")
    found = next((path for path in (folder / name, Path(name)) if path.is_file()), None)
    if found is None:
        raise UnclearError(f"its conf {name} is not beside the script")
    return read_conf(found)


def _is_none(value: cst.BaseExpression) -> bool:
    return isinstance(value, cst.Name) and value.value == "None"
