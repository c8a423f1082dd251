"""A conf of 1.X as Python source text of 2.X."""

from dataclasses import dataclass, field
from typing import Any

from inc_hf.config.base import ConfigMixin
from inc_hf.migrate.conf.calls import calls_of
from inc_hf.migrate.conf.frameworks import is_onnxruntime
from inc_hf.migrate.conf.sections import Conf
from inc_hf.migrate.conf.source_text import assignment, comment, names_in, source_text
from inc_hf.migrate.conf.training_notes import training_notes
from inc_hf.migrate.conf.translate import configs_of, is_in_epochs, options_of

STEPS = "steps_per_epoch"
STEP_SETTINGS = ("start_step", "end_step", "pruning_frequency")
OF_EVERY_FILE = ("version", "model.name")  # not worth a note
VARIABLES = {"post_training": "quantization_conf", "quantization_aware": "quantization_conf"}


@dataclass
class PythonCode:
    """
    Args:
        imports (`list[str]`): lines of imports, of what `lines` use.
        lines (`list[str]`): lines that make the configs. Pruning in epochs uses the variable `train_dataloader`.
        notes (`list[str]`): what a reader should know, as text.
        names (`dict[str, str]`): kind of config, a key of [`configs_of`], to the variable that holds it.
        call_imports, calls (`list[str]`): how the configs are used, with the data that the file names.
    """

    imports: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)
    call_imports: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def text(self) -> str:
        """All of it, ready to paste."""
        notes = [line for note in self.notes for line in comment(note)]
        imports = sorted({*self.imports, *self.call_imports})
        blocks = [notes, imports, self.lines, self.calls]
        return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def python_code(conf: Conf) -> PythonCode:
    """
    The source text of the configs that [`translate`] makes.

    Raises:
        ConfError: 2.X has no counterpart of a section.
    """
    configs = configs_of(conf, steps_per_epoch=1)
    code = PythonCode(names={kind: VARIABLES.get(kind, f"{kind}_conf") for kind in configs})
    options = options_of(conf)
    classes = set().union(*map(names_in, configs.values())) if configs else set()
    names = sorted({*classes, *(f"set_{name}" for name in options)}, key=lambda name: (name.islower(), name))
    if names:
        code.imports = import_lines("inc_hf.config", names)
    code.lines = [f"set_{name}({source_text(value)})" for name, value in options.items()]
    if "pruning" in configs and is_in_epochs(conf):
        code.lines += [f"{STEPS} = len(train_dataloader)  # of the training: optimizer steps of one epoch"]
    for kind, config in configs.items():
        in_epochs = kind == "pruning" and is_in_epochs(conf)
        code.lines += assignment(code.names[kind], config, _in_steps if in_epochs else None)
    code.notes = _notes(conf, configs)
    code.call_imports, code.calls = calls_of(conf, code.names)
    return code


def import_lines(module: str, names: list[str]) -> list[str]:
    """One line, or one name a line in brackets."""
    line = f"from {module} import {', '.join(names)}"
    if len(line) <= 100:
        return [line]
    return ["\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])]


def _in_steps(name: str, value: Any) -> str | None:
    """A number of epochs as one of steps."""
    if name not in STEP_SETTINGS or not isinstance(value, int) or value <= 0:
        return None
    return STEPS if value == 1 else f"{value} * {STEPS}"


def _notes(conf: Conf, configs: dict[str, ConfigMixin]) -> list[str]:
    notes = []
    if is_onnxruntime(conf):
        notes.append(
            f"{conf.model.framework} changed an ONNX file. Here `model` is the torch model that it was exported from; "
            "the result runs on ONNX Runtime, see `inc-hf export`."
        )
    if not configs:
        notes.append(
            "The file has none of quantization, pruning, distillation, mixed_precision, graph_optimization and "
            "evaluation.performance: the class of 1.X that read it took its defaults. Write the config of 2.X that "
            "stands for that class, such as PostTrainingQuantConfig() for Quantization."
        )
    notes += training_notes(conf)
    for entry in (entry for entry in conf.ignored if entry.key not in OF_EVERY_FILE):
        place = f" (line {entry.line})" if entry.line is not None else ""
        notes.append(f"Left out: `{entry.key}`{place}: {entry.reason}.")
    return notes
