import pytest
from migrating import marks, rewritten

SAME = {
    "from": ("from neural_compressor.quantization import fit", "from inc_hf.quantization import fit"),
    "root": ("from neural_compressor import quantization as q", "from inc_hf import quantization as q"),
    "as": ("import neural_compressor as nc", "import inc_hf as nc"),
    "module": ("import neural_compressor.training", "import inc_hf.training"),
    "lpot": ("from lpot.experimental import Quantization", "from inc_hf.experimental import Quantization"),
    "in a function": (
        "def f():\n    from neural_compressor.config import (\n        BenchmarkConfig,  # how\n    )\n",
        "def f():\n    from inc_hf.config import (\n        BenchmarkConfig,  # how\n    )\n",
    ),
    "other packages": (
        "import neural_compressor_ext, my.neural_compressor",
        "import neural_compressor_ext, my.neural_compressor",
    ),
    "relative": ("from .neural_compressor import fit", "from .neural_compressor import fit"),
    "an own variable": (
        "neural_compressor = 1\nprint(neural_compressor)",
        "neural_compressor = 1\nprint(neural_compressor)",
    ),
}


@pytest.mark.parametrize("old, new", SAME.values(), ids=SAME)
def test_names_of_the_package(old, new):
    assert rewritten(old) == new


def test_dotted_names_get_the_import_that_they_need():
    new = rewritten("import neural_compressor as nc\nnc.quantization.fit(model, conf)\n")
    assert new == "import inc_hf as nc\nimport inc_hf.quantization\nnc.quantization.fit(model, conf)\n"


MISSING = {
    "3.X": ("from neural_compressor.torch.quantization import prepare, convert", "INC 3.X's API"),
    "tensorflow": (
        "from neural_compressor.adaptor.tf_utils.util import is_ckpt_format",
        "raises when it is used: this package is for models of PyTorch",
    ),
    "unknown": ("from neural_compressor.config import NoSuchConfig", "no `config.NoSuchConfig`"),
    "module": ("import neural_compressor.no_such_thing", "no `no_such_thing`"),
    "star": ("from neural_compressor.config import *", "Name what is imported"),
    "dotted and known": ("import neural_compressor as nc\nnc.config.NoSuch(nc.config.NoSuch)", "no `config.NoSuch`"),
    "dotted": ("import neural_compressor as nc\nnc.strategy.no_such()", "no `strategy.no_such`"),
}


@pytest.mark.parametrize("text, said", MISSING.values(), ids=MISSING)
def test_what_is_not_here_is_marked(text, said):
    (mark,) = marks(text)
    assert said in mark


@pytest.mark.parametrize(
    "line",
    [
        "import ilit",
        "from neural_coder import enable",
        "import neural_solution.x",
        "import neural_insights as n",
        "from intel_extension_for_transformers.transformers import WeightOnlyQuantConfig",
    ],
)
def test_what_else_came_with_inc_is_marked(line):
    assert len(marks(f"{line}\n")) == 1


def test_packages_with_similar_names_are_none():
    text = "import utilities, ability, intel_extension_for_pytorch\nfrom neural import x\n"
    assert rewritten(text) == text


LONG = ", ".join(f"{kind}Config" for kind in ("PostTrainingQuant", "MixedPrecision", "Benchmark", "WeightPruning"))
LAYOUTS = {
    "one line": (
        "from neural_compressor.config import PostTrainingQuantConfig",
        "from inc_hf.config import PostTrainingQuantConfig, TuningCriterion",
    ),
    "a name a line": (
        "from neural_compressor.config import (\n    BenchmarkConfig,  # a\n    PostTrainingQuantConfig,  # b\n)",
        "from inc_hf.config import (\n    BenchmarkConfig,  # a\n    PostTrainingQuantConfig,  # b\n"
        "    TuningCriterion,\n)",
    ),
    "longer": (
        f"from neural_compressor.config import {LONG}, DistillationConfig",
        "from inc_hf.config import (\n    "
        + ",\n    ".join([*LONG.split(", "), "DistillationConfig", "TuningCriterion"])
        + ",\n)",
    ),
}


@pytest.mark.parametrize("old, new", LAYOUTS.values(), ids=LAYOUTS)
def test_layout_of_imports_with_more_names(old, new):
    assert rewritten(f"{old}\nPostTrainingQuantConfig(timeout=1)\n").startswith(new)


def test_no_import_is_written_twice():
    uses = "nc.config.BenchmarkConfig, neural_compressor.config.TuningCriterion\n"
    text = f"import neural_compressor as nc\nimport neural_compressor\n{uses}"
    assert rewritten(text).count("import inc_hf.config\n") == 1


def test_an_import_of_which_only_some_is_here_is_split():
    new = rewritten("from neural_compressor.config import BenchmarkConfig, NoSuchConfig  # both\n")
    todo, old, ours = new.splitlines()
    assert todo.startswith("# TODO(inc_hf)")
    assert old == "from neural_compressor.config import NoSuchConfig  # both"
    assert ours == "from inc_hf.config import BenchmarkConfig  # both"
