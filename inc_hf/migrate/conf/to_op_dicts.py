"""What layers get in 1.X, by type and by name, as the dicts of 2.X."""

import re

from inc_hf.migrate.conf.building import given
from inc_hf.migrate.conf.meaningless import available
from inc_hf.migrate.conf.quantization_sections import (
    ActivationSection,
    FloatOpSection,
    OpSection,
    QuantizationSection,
    WeightSection,
)

KEYS = ("granularity", "scheme", "dtype", "algorithm")


def op_dicts(section: QuantizationSection) -> dict[str, dict]:
    """`op_type_dict` and `op_name_dict`; `model_wise` is weaker than `optype_wise`, so it comes first."""
    everywhere = _op(section.model_wise)
    types = {as_regex(name): _op(op) for name, op in section.optype_wise.items()}
    names = {as_regex(name): _op(op) for name, op in section.op_wise.items()}
    found = {
        "op_type_dict": {**({".*": everywhere} if everywhere else {}), **_with_settings(types)},
        "op_name_dict": _with_settings(names),
    }
    return {name: ops for name, ops in found.items() if ops}


def _with_settings(ops: dict[str, dict]) -> dict[str, dict]:
    return {name: op for name, op in ops.items() if op}


def _op(section: OpSection) -> dict[str, dict[str, list]]:
    """One section of layers as 2.X has it, without what was not given or is not available."""
    parts = {name: getattr(section, name) for name in ("weight", "activation")}
    found = {name: _part(name, part) for name, part in parts.items() if part is not None}
    return {name: settings for name, settings in found.items() if settings}


def _part(name: str, section: WeightSection | ActivationSection) -> dict[str, list]:
    options = {key: available(name, key, value) for key, value in given(section, KEYS).items()}
    return {key: value for key, value in options.items() if value}


def float_op(section: FloatOpSection) -> dict[str, dict[str, list]]:
    """The same of layers that stay in a float format."""
    parts = {name: getattr(section, name) for name in ("weight", "activation")}
    return {name: {"dtype": part.dtype} for name, part in parts.items() if part is not None and part.dtype}


def as_regex(name: str) -> str:
    """A name of 1.X, which may be a regular expression, as one; what is none is taken by its letters."""
    try:
        re.compile(name)
    except re.error:
        return re.escape(name)
    return name
