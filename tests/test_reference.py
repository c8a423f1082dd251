"""The pages of docs/reference/ have every public name. Nothing is built: `make docs` does that, strictly."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

PAGES = sorted((Path(__file__).parents[1] / "docs" / "reference").glob("*.md"))
TEXT = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
DIRECTIVES = re.findall(r"^::: ([\w.]+)$", TEXT, re.MULTILINE)
OF_INC = set(re.findall(r"`(inc_hf\.\w+)`", (PAGES[0].parent / "inc.md").read_text(encoding="utf-8")))
# Modules that users import from, with their public names.
PUBLIC = {
    module: import_module(module).__all__
    for module in (
        "inc_hf", "inc_hf.benchmark", "inc_hf.callbacks", "inc_hf.compression.pruner", "inc_hf.config",
        "inc_hf.modeling", "inc_hf.quantize",
    )
} | {
    "inc_hf.errors": ["UsageError", "UsageTypeError"],
    "inc_hf.mix_precision": ["fit"],
    "inc_hf.orchestration": ["run_stages"],
    "inc_hf.prune": ["get_sparsity_ratio", "report_sparsity"],
    "inc_hf.quantization": ["fit"],
    "inc_hf.quantizer": ["IncQuantizer"],
    "inc_hf.training": ["fit", "prepare_compression"],
}  # fmt: skip


def named(directive: str) -> Any:
    """What a directive is about; it names the module where that is defined, since the sources are read, not run."""
    module, _, name = directive.rpartition(".")
    return getattr(import_module(module), name)


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_has_its_place(module):
    documented = [named(directive) for directive in DIRECTIVES]
    missing = [
        name
        for name in PUBLIC[module]
        if f"{module}.{name}" not in OF_INC
        and not any(getattr(import_module(module), name) is found for found in documented)
    ]
    assert missing == []


@pytest.mark.parametrize("directive", DIRECTIVES)
def test_a_directive_names_where_it_is_defined(directive):
    found = named(directive)
    assert getattr(found, "__module__", None) in (None, directive.rpartition(".")[0])
    assert inspect.getdoc(found)


def test_names_of_inc_are_there():
    assert [name for name in OF_INC if name.rpartition(".")[2] not in PUBLIC["inc_hf"]] == ["inc_hf.metric"]
