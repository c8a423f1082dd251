"""Our quantizer is registered while transformers is half imported, and what it imports can do with that."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from interpreter import run_python
from test_layers import imported_names

ROOT = Path(__file__).parents[1]
# What two files may have of transformers at their top: the registry, which has just been executed when we are
# imported, and the base classes of quantizers and of their configs, which the registry itself has imported before.
ALLOWED = {
    "inc_hf.checkpoint.quantizer": {
        "transformers.quantizers.auto.AUTO_QUANTIZER_MAPPING",
        "transformers.quantizers.auto.register_quantization_config",
        "transformers.quantizers.auto.register_quantizer",
        "transformers.quantizers.base.HfQuantizer",
        "transformers.utils.quantization_config.QuantizationConfigMixin",
    },
    "inc_hf.checkpoint.stock": {
        "transformers.quantizers.auto.AUTO_QUANTIZER_MAPPING",
        "transformers.quantizers.quantizer_compressed_tensors.CompressedTensorsHfQuantizer",
    },
}


def at_import_time(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below `node` that run when the module is imported: not what functions do or type checkers read."""
    for child in ast.iter_child_nodes(node):
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        if is_function or isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from at_import_time(child)


def file_of(root: Path, module: str) -> Path | None:
    """Where a module of `root` is written, None if it is a name inside one or foreign."""
    path = root.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def imports_of(root: Path, module: str) -> set[str]:
    """What a module imports when it is imported, as dotted names."""
    file = file_of(root, module)
    folder = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    return set(imported_names(at_import_time(ast.parse(file.read_text(encoding="utf-8"))), folder))


def closure(root: Path, module: str) -> dict[str, set[str]]:
    """All modules of `root` that are executed when `module` is imported, and what each imports."""
    found, waiting = {}, [module]
    while waiting:
        name = waiting.pop()
        while name and (file_of(root, name) is None or name in found):
            name = name.rpartition(".")[0]  # a class or function, or its package, which is executed first
        if name:
            found[name] = imports_of(root, name)
            waiting += [name, *found[name]]
    return found


def violations(root: Path, module: str = "inc_hf.checkpoint") -> list[str]:
    return [
        f"{name} imports {wanted}"
        for name, imported in sorted(closure(root, module).items())
        for wanted in sorted(imported - ALLOWED.get(name, set()))
        if wanted.split(".")[0] == "transformers"
    ]


def test_nothing_that_checkpoint_imports_asks_for_transformers():
    assert violations(ROOT) == []


def test_the_walk_goes_where_the_import_does():
    """Not into fewer modules than a fresh interpreter loads."""
    code = """
import sys
import inc_hf.checkpoint
print(*(name for name, module in sys.modules.items() if name.split(".")[0] == "inc_hf" and module.__file__))
"""
    loaded = {name for name in run_python(code).split() if not name.startswith("inc_hf._kernels")}
    assert loaded == closure(ROOT, "inc_hf.checkpoint").keys()


CLEAN = {
    "inc_hf/__init__.py": "",
    "inc_hf/checkpoint/__init__.py": "from inc_hf.checkpoint.quantizer import Quantizer",
    "inc_hf/checkpoint/quantizer.py": """
from typing import TYPE_CHECKING
from transformers.quantizers.base import HfQuantizer
from inc_hf.quantize.workflow import convert
if TYPE_CHECKING:
    from transformers import PreTrainedModel
""",
    "inc_hf/quantize/__init__.py": "",
    "inc_hf/quantize/workflow.py": "from ..models import inputs\ndef convert():\n    from transformers import Trainer",
    "inc_hf/models/__init__.py": "",
    "inc_hf/models/inputs.py": "import transformers_stream\nnames = ()",
    "inc_hf/models/batches.py": "from transformers import PreTrainedModel",
}
VIOLATIONS = {
    "the file itself": ("inc_hf/checkpoint/quantizer.py", "from transformers import PreTrainedModel"),
    "far below": ("inc_hf/models/inputs.py", "from transformers import PreTrainedModel"),
    "a package on the way": ("inc_hf/models/__init__.py", "from .batches import PreTrainedModel"),
    "the module": ("inc_hf/models/inputs.py", "import transformers.pytorch_utils"),
    "what another file may": ("inc_hf/models/inputs.py", "from transformers.quantizers.base import HfQuantizer"),
    "in a class": ("inc_hf/models/inputs.py", "class Inputs:\n    from transformers import PreTrainedModel"),
}


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_a_tree_that_keeps_the_rule(tmp_path):
    assert violations(written(tmp_path, CLEAN)) == []


@pytest.mark.parametrize("change", VIOLATIONS.values(), ids=VIOLATIONS)
def test_a_tree_that_breaks_the_rule(tmp_path, change):
    name, text = change
    assert len(violations(written(tmp_path, CLEAN | {name: text}))) == 1


FIRST = {
    "inc_hf": "import inc_hf",
    "modeling_utils": "import transformers.modeling_utils",
    "the registry": "import transformers.quantizers.auto",
    "checkpoint": "import inc_hf.checkpoint",
}


@pytest.mark.slow("inc_hf", "optimum")
@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_whatever_is_imported_first(first):
    code = f"""
{first}
from inc_hf import IncQuantizer, optimize
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING
print(AUTO_QUANTIZER_MAPPING["inc"].__name__)
"""
    assert run_python(code).split() == ["IncHfQuantizer"]
