"""A conf of 1.X as Python source text of 2.X."""

from dataclasses import dataclass, field

from inc_hf.migrate.conf.sections import Conf


@dataclass
class PythonCode:
    """
    Args:
        imports (`list[str]`): lines of imports.
        lines (`list[str]`): lines that make the configs; the variables are `names`.
        notes (`list[str]`): what a reader should know, as text.
        names (`dict[str, str]`): kind of config, such as `pruning`, to the variable that holds it.
    """

    imports: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    names: dict[str, str] = field(default_factory=dict)


def python_code(conf: Conf) -> PythonCode:
    """The source text of the configs that [`translate`] makes."""
    raise NotImplementedError
