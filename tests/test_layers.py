"""Who may import whom inside `inc_hf`, and where the heavy packages may be imported at all."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "inc_hf"
LAYERS = [
    {"errors", "version"},
    {"ops", "matching", "config"},
    {"quantize", "prune", "distill"},
    {"models"},
    {"tune", "backends", "checkpoint", "evaluation"},
    None,  # every other file at the top (quantizer, callbacks, hub, ...); these may import each other
    {"experimental", "demo", "commands"},
]
TOP = LAYERS.index(None)
ALSO_ALLOWED = {("commands", "demo")}
HOMES = {
    "transformers": set(
        "callbacks quantizer quantization results modeling models export checkpoint"
        " inference training orchestration version runtimes utils benchmark commands demo".split()
    ),
    "onnx": {"backends.onnxruntime", "export.onnx"},
    "openvino": {"backends.openvino"},
    "intel_extension_for_pytorch": {"backends.ipex"},
}


def layer_of(part: str) -> int:
    return next((level for level, parts in enumerate(LAYERS) if parts and part in parts), TOP)


def imported_names(nodes: Iterator[ast.AST], folder: list[str]) -> Iterator[str]:
    """Absolute dotted names that `nodes`, written in the package `folder`, import."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = folder[: len(folder) + 1 - node.level] if node.level else []
            module = ".".join([*parents, *filter(None, [node.module])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def at_import_time(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below `node` that run when the module is imported: all but the bodies of functions."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child
            yield from at_import_time(child)


def violations(package: Path) -> list[str]:
    found = []
    for path in sorted(package.rglob("*.py")):
        own = path.relative_to(package).with_suffix("").parts
        is_root = own == ("__init__",)
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = at_import_time(tree) if is_root else ast.walk(tree)
        for name in imported_names(nodes, ["inc_hf", *own[:-1]]):
            root, _, rest = name.partition(".")
            part = rest.partition(".")[0]
            if root != "inc_hf":
                home = next((home for home in HOMES if root == home or home == "onnx" and root.startswith(home)), None)
                allowed = home is None or any(f"{'.'.join(own)}.".startswith(f"{place}.") for place in HOMES[home])
            else:
                mine, theirs = layer_of(own[0]), layer_of(part)
                same = part == own[0] or mine == theirs == TOP
                allowed = is_root or same or theirs < mine or (own[0], part) in ALSO_ALLOWED
            if not allowed:
                found.append(f"{'/'.join(own)} imports {name}")
    return found


def test_layers():
    assert violations(PACKAGE) == []


ALLOWED = {
    "lower": ("quantize/observer.py", "from ..config import Config\nfrom inc_hf.ops import q8_matmul"),
    "own folder": ("tune/tuner.py", "from . import strategy\nfrom .strategy import basic"),
    "top to top": ("quantizer.py", "import inc_hf.results.card\nfrom .callbacks import PruningCallback"),
    "subfolder": ("utils/load_huggingface.py", "from ..checkpoint import save\nfrom transformers import AutoModel"),
    "commands to demo": ("commands/main.py", "def main():\n    from inc_hf.demo import run"),
    "checkpoint file": ("checkpoint.py", "from transformers import PreTrainedModel"),
    "checkpoint folder": ("checkpoint/inc.py", "from transformers import PreTrainedModel"),
    "onnx backend": ("backends/onnxruntime.py", "import onnx\nimport onnxruntime as ort"),
    "root": ("__init__.py", "from .commands.main import main\ndef f():\n    import transformers"),
}
FORBIDDEN = {
    "upward": ("prune/mask.py", "from ..checkpoint import save"),
    "upward to root": ("ops.py", "from inc_hf import IncQuantizer"),
    "sibling": ("quantize/modules.py", "from inc_hf import prune"),
    "sibling, relative": ("prune/mask.py", "from .. import quantize"),
    "in a function": ("tune/tuner.py", "def f():\n    from ..quantizer import IncQuantizer"),
    "to experimental": ("quantization.py", "import inc_hf.experimental.common"),
    "commands to experimental": ("commands/main.py", "from ..experimental import Quantization"),
    "transformers": ("quantize/modules.py", "def f():\n    import transformers.pytorch_utils"),
    "transformers in root": ("__init__.py", "if True:\n    from transformers import Trainer"),
    "onnx": ("hub.py", "from onnxscript import ir"),
    "ipex": ("backends/onnxruntime.py", "import intel_extension_for_pytorch"),
}
CASES = [(source, 0) for source in ALLOWED.values()] + [(source, 1) for source in FORBIDDEN.values()]


@pytest.mark.parametrize("source, count", CASES, ids=[*ALLOWED, *FORBIDDEN])
def test_rule_on_a_synthetic_tree(tmp_path, source, count):
    name, text = source
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert len(violations(tmp_path)) == count
