"""Which slow tests run."""

import textwrap

import pytest
from slow import ROOT, state_of

pytest_plugins = ["pytester"]


@pytest.fixture
def checkout(tmp_path):
    for name in ("package/prune/mask.py", "package/prune.py", "package/prune/inplace/rules", "pyproject.toml"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("1")
    return tmp_path


@pytest.mark.parametrize(
    "name, changes",
    [
        ("package/prune/mask.py", True),
        ("package/prune/new.py", True),
        ("pyproject.toml", True),
        ("package/prune.py", False),
        ("package/prune/mask.so", False),
        ("package/prune/inplace/rules", False),
    ],
    ids=["a file below", "a new file", "the file itself", "another file", "a library", "what a compiler made"],
)
def test_state(checkout, name, changes):
    paths = ("package/prune", "pyproject.toml")
    before = state_of(checkout, *paths)
    (checkout / name).write_text("2")
    state_of.cache_clear()
    assert (state_of(checkout, *paths) != before) is changes


TESTS = """
    import pytest

    @pytest.mark.slow("package")
    @pytest.mark.parametrize("n", [1, 2])
    def test_good(n):
        pass

    @pytest.mark.slow("package")
    @pytest.mark.parametrize("n", [1, 2])
    def test_half_good(n):
        assert n == 1
"""


def test_passed_tests_are_skipped_until_something_changes(pytester):
    package = pytester.mkdir("package")
    (package / "code.py").write_text("1")
    pytester.makepyfile(test_it=textwrap.dedent(TESTS))
    text = (ROOT / "tests/slow.py").read_text().replace("Path(__file__).parents[1]", "Path(__file__).parent")
    pytester.makepyfile(plugin_slow=text.replace('"tests/slow.json"', '"slow.json"'))
    pytester.makeconftest('pytest_plugins = ["plugin_slow"]')
    pytester.makeini("[pytest]\npythonpath = .")

    def outcomes(*options):
        result = pytester.runpytest_inprocess("-p", "no:cacheprovider", *options).parseoutcomes()
        return {name: result[name] for name in ("passed", "failed", "skipped") if name in result}

    assert outcomes() == {"passed": 3, "failed": 1} and not (pytester.path / "slow.json").exists()
    assert outcomes("--all", "-n", "1") == {"passed": 3, "failed": 1}
    assert outcomes() == {"passed": 1, "failed": 1, "skipped": 2}
    (package / "code.py").write_text("2")
    assert outcomes() == {"passed": 3, "failed": 1}
