"""Who may import whom inside `inc_hf`, and where the heavy packages may be imported at all."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "inc_hf"
# Paths of INC's that new code does not use: deleting them breaks nothing.
FOR_USERS_ONLY = {
    "adaptor", "compression", "conf", "data", "experimental", "metric", "model", "objective", "utils",
}  # fmt: skip
# From low to high. A room imports from itself and from lower layers; rooms of one layer do not import each other.
LAYERS = [
    {"_lazy", "_registration", "atomic", "errors", "telling", "undo", "version"},
    {"ops", "config", "matching", "writable", "coverage", "score"},
    {"quantize", "prune", "distill", "recipe"},
    {"models"},
    {"tune", "checkpoint", "backends", "evaluation", "built_in"},
    {"export", "inference"},
    {"results", "runtimes"},
    {"report"},
    {
        "quantization", "mix_precision", "training", "callbacks", "quantizer", "modeling", "benchmark",
        "orchestration", "migrate",
    },
    FOR_USERS_ONLY | {"demo"},
    {"commands"},
    {"cli", "__main__"},
]  # fmt: skip
# `conf` is where 1.X has the classes that `experimental` works with.
FORWARDS = {("conf", "experimental")}
# What stands in front of another public verb, and calls it: (importer, imported) -> names.
SIDEWAYS = {
    ("quantizer", "quantization"): {"fit"},
    ("training", "callbacks"): {
        "manager.CALLBACKS", "manager.CompressionManager", "manager.Config", "without_hooks.prepare_pruning",
    },
}  # fmt: skip
WITHOUT_TRANSFORMERS = {"ops", "config", "matching", "quantize", "prune", "distill", "tune", "backends", "evaluation"}
WITHOUT_TRANSFORMERS |= {"recipe"}
WITHOUT_TRANSFORMERS |= (LAYERS[0] | {"writable", "coverage", "score"}) - {
    "version"
}  # which names that of transformers
# Where alone a package may be imported.
HOMES = {
    "onnx": {"backends.onnxruntime", "export.onnx"},
    "openvino": {"backends.openvino"},
    "intel_extension_for_pytorch": {"backends.ipex"},
}


def layer_of(room: str) -> int | None:
    return next((level for level, rooms in enumerate(LAYERS) if room in rooms), None)


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


def is_allowed_inside(own: tuple[str, ...], name: str) -> bool:
    """Whether the file `own` of the package may import `name`, which is `inc_hf.` and what follows."""
    room, _, rest = name.removeprefix("inc_hf.").partition(".")
    mine, theirs = layer_of(own[0]), layer_of(room)
    if own == ("__init__",) or room == own[0]:
        return True
    if mine is None or theirs is None:  # a new room needs a layer
        return False
    if room in FOR_USERS_ONLY:
        return (own[0], room) in FORWARDS
    return theirs < mine or rest in SIDEWAYS.get((own[0], room), ())


def is_allowed_outside(own: tuple[str, ...], name: str) -> bool:
    """Whether the file `own` may import `name`, of another package."""
    package = name.partition(".")[0]
    if package == "transformers":
        return own != ("__init__",) and own[0] not in WITHOUT_TRANSFORMERS
    home = next((home for home in HOMES if package == home or home == "onnx" and package.startswith(home)), None)
    return home is None or any(f"{'.'.join(own)}.".startswith(f"{place}.") for place in HOMES[home])


def violations(package: Path) -> list[str]:
    found = []
    for path in sorted(package.rglob("*.py")):
        own = path.relative_to(package).with_suffix("").parts
        tree = ast.parse(path.read_text(encoding="utf-8"))
        nodes = at_import_time(tree) if own == ("__init__",) else ast.walk(tree)
        for name in imported_names(nodes, ["inc_hf", *own[:-1]]):
            is_ours = name.partition(".")[0] == "inc_hf"
            if not (is_allowed_inside if is_ours else is_allowed_outside)(own, name):
                found.append(f"{'/'.join(own)} imports {name}")
    return found


def test_layers():
    assert violations(PACKAGE) == []


ALLOWED = {
    "lower": ("quantize/observer.py", "from ..config import Config\nfrom inc_hf.ops import q8_matmul"),
    "own folder": ("tune/tuner.py", "from . import strategy\nfrom .strategy import basic"),
    "from the top": ("quantizer.py", "import inc_hf.results.card\nfrom .models.batches import batches_of"),
    "sideways": ("quantizer.py", "from inc_hf.quantization import fit"),
    "sideways, deeper": ("training.py", "from .callbacks.manager import CompressionManager"),
    "transformers": ("models/inputs.py", "import transformers.pytorch_utils"),
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
    "root itself": ("commands/info.py", "import inc_hf"),
    "sideways": ("quantizer.py", "from inc_hf.callbacks import PruningCallback"),
    "sideways, other name": ("quantizer.py", "from inc_hf.quantization import search"),
    "sideways, back": ("callbacks/pruning.py", "from inc_hf.training import fit"),
    "room without a layer": ("helpers.py", "from inc_hf import ops"),
    "to a room without a layer": ("quantizer.py", "from inc_hf.helpers import fit"),
    "sibling": ("quantize/plan.py", "from inc_hf import prune"),
    "sibling, relative": ("prune/mask.py", "from .. import quantize"),
    "in a function": ("tune/tuner.py", "def f():\n    from ..quantizer import IncQuantizer"),
    "to experimental": ("quantization.py", "import inc_hf.experimental.common"),
    "commands to experimental": ("commands/main.py", "from ..experimental import Quantization"),
    "transformers": ("quantize/plan.py", "def f():\n    import transformers.pytorch_utils"),
    "transformers in root": ("__init__.py", "if True:\n    from transformers import Trainer"),
    "onnx": ("export/write.py", "from onnxscript import ir"),
    "ipex": ("backends/onnxruntime.py", "import intel_extension_for_pytorch"),
}
CASES = [(source, 0) for source in ALLOWED.values()] + [(source, 1) for source in FORBIDDEN.values()]


@pytest.mark.parametrize("source, count", CASES, ids=[*ALLOWED, *FORBIDDEN])
def test_rule_on_a_synthetic_tree(tmp_path, source, count):
    name, text = source
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(text)
    assert len(violations(tmp_path)) == count
