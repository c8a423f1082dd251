import pytest
from migrating import marks, rewritten

OLD, NEW = '"neural_compressor"', '"inc_hf"'
MODULES = {
    "logger": "logging.getLogger({})",
    "import": "importlib.import_module({})",
    "by name": "importlib.util.find_spec(name={})",
    "fixture": "pytest.importorskip({}, reason='x')",
    "check": "_is_package_available({})",
    "modules": "sys.modules[{}]",
    "in modules": "{} in sys.modules",
    "pop": "sys.modules.pop({}, None)",
    "patch modules": "monkeypatch.setitem(sys.modules, {}, None)",
    "all": "__all__ = [{}]",
}
OTHERS = {
    "a folder": 'os.path.join("results", "neural_compressor")',
    "a choice": 'backend == "neural_compressor"',
    "an option": 'parser.add_argument("--backend", choices=["neural_compressor", "onnx"])',
    "a key": '{"neural_compressor": 1, "neural-compressor": 2}',
    "words": 'help = "tune with neural_compressor"',
    "no module": 'x = "neural_compressor.txt"',
    "another's key": 'd["neural_compressor"]',
}


@pytest.mark.parametrize("text", MODULES.values(), ids=MODULES)
def test_names_of_modules(text):
    assert rewritten(text.format(OLD)) == text.format(NEW)


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_other_strings_stay(text):
    assert rewritten(text) == text


def test_names_in_modules():
    new = 'mock.patch("inc_hf.training.fit"), run(["-m", "inc_hf.benchmark"])'
    assert rewritten(new.replace("inc_hf", "neural_compressor")) == new


def test_a_name_that_is_given_to_an_import():
    (mark,) = marks('NAME = "neural_compressor"\nx = 1\nimportlib.import_module(f"{NAME}.config")\n')
    assert mark == "`NAME` names the module of INC; here it is `inc_hf`."


COMMANDS = {
    "install": 'subprocess.run("pip install neural-compressor==1.14.2", shell=True)',
    "list": 'subprocess.check_call([sys.executable, "-m", "pip", "install", "optimum[neural-compressor]"])',
    "module": 'os.system(f"python -m neural_compressor.benchmark {x}")',
    "variable": 'cmd = "pip install --quiet lpot"',
}


@pytest.mark.parametrize("text", COMMANDS.values(), ids=COMMANDS)
def test_command_lines_are_marked(text):
    (mark,) = marks(text)
    assert "command line" in mark


HINT = "pip install -r examples/neural_compressor/requirements.txt"
VERSIONS = {
    'require_version("neural-compressor>=2.0")': 1,
    'require_version("optimum-intel", "x")': 1,
    'importlib.metadata.version("neural_compressor")': 1,
    f'require_version("datasets>=1.8.0", "{HINT}")': 0,
    f'require_version(NEEDED, "{HINT}")': 0,
    f'require_version(requirement="datasets", hint="{HINT}")': 0,
}


@pytest.mark.parametrize("text, count", VERSIONS.items(), ids=VERSIONS)
def test_versions(text, count):
    assert len(marks(text)) == count


ANNOTATIONS = {
    "quoted": ('def f(x: "neural_compressor.config.TuningCriterion"): pass', "inc_hf.config.TuningCriterion"),
    "inside": ('x: "list[lpot.config.TuningCriterion]" = []', "list[inc_hf.config.TuningCriterion]"),
    "not imported": ("x: neural_compressor.config.TuningCriterion = 1", "x: inc_hf.config.TuningCriterion"),
}


@pytest.mark.parametrize("old, new", ANNOTATIONS.values(), ids=ANNOTATIONS)
def test_annotations(old, new):
    assert new in rewritten(old) and not marks(old)


def test_annotations_that_are_not_here_are_marked():
    (mark,) = marks("x: neural_compressor.config.Foo = 1\n")
    assert "no `config.Foo`" in mark
