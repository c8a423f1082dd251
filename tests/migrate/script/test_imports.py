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
    "logger": ('logging.getLogger("neural_compressor")', 'logging.getLogger("inc_hf")'),
    "patch": ('mock.patch("neural_compressor.training.fit")', 'mock.patch("inc_hf.training.fit")'),
    "words": ('help = "tune with neural_compressor"', 'help = "tune with neural_compressor"'),
    "by name": ('importlib.import_module("neural_compressor")', 'importlib.import_module("inc_hf")'),
    "a folder": ('os.path.join("results", "neural_compressor")', 'os.path.join("results", "neural_compressor")'),
    "a choice": ('backend == "neural_compressor"', 'backend == "neural_compressor"'),
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
    "version": ('require_version("neural-compressor>=2.0")\n# neural_compressor', "not needed any more"),
    "dotted": ("import neural_compressor as nc\nnc.strategy.no_such()", "no `strategy.no_such`"),
}


@pytest.mark.parametrize("text, said", MISSING.values(), ids=MISSING)
def test_what_is_not_here_is_marked(text, said):
    (mark,) = marks(text)
    assert said in mark


def test_a_version_of_another_package_is_not_marked():
    hint = "pip install -r examples/neural_compressor/requirements.txt"
    assert marks(f'import neural_compressor\nrequire_version("datasets>=1.8.0", "{hint}")') == []


def test_an_import_of_which_only_some_is_here_is_split():
    new = rewritten("from neural_compressor.config import BenchmarkConfig, NoSuchConfig  # both\n")
    todo, old, ours = new.splitlines()
    assert todo.startswith("# TODO(inc_hf)")
    assert old == "from neural_compressor.config import NoSuchConfig  # both"
    assert ours == "from inc_hf.config import BenchmarkConfig  # both"
