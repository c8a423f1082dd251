"""`@pytest.mark.slow("inc_hf/callbacks", ...)`: a test that runs only if something below these paths has changed.

`make test-all` runs all of them, and writes to `tests/slow.json` in which state of these paths, of the test's own file
and of torch and transformers each one passed. Commit that file: a test whose state is in it is skipped.
"""

import functools
import hashlib
import json
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PASSED = ROOT / "tests/slow.json"
# What files of ONNX come from, and who runs them: for tests that take their time to make some.
ONNX = (
    "inc_hf/backends",
    "inc_hf/export",
    "inc_hf/inference",
    "inc_hf/models",
    "inc_hf/ops",
    "inc_hf/quantize",
    "inc_hf/runtimes",
    "tests/shared.py",
    "tests/tiny.py",
)
MADE_HERE = {".so", ".pyc"}  # by compilers, and what lies in these folders: not a part of the state
FOLDERS_MADE_HERE = {"__pycache__", "inplace"}


class Passed:
    """Hooks that gather what passes, and write it at the end; with pytest-xdist they run in the process that waits."""

    def __init__(self):
        self.states, self.failed = {}, set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = name_of(report.nodeid)
        if (state := dict(report.user_properties).get("slow")) and report.when == "call":
            self.states[name] = state
        if not report.passed:
            self.failed.add(name)

    def pytest_sessionfinish(self) -> None:
        passed = {name: state for name, state in self.states.items() if name not in self.failed}
        if passed:
            PASSED.write_text(json.dumps(dict(sorted((read(PASSED) | passed).items())), indent=1) + "\n")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also the slow tests of what has not changed")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--all") and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Passed())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    passed = {} if config.getoption("--all") else read(PASSED)
    for item in items:
        if mark := item.get_closest_marker("slow"):
            state = state_of(ROOT, *mark.args, item.path.relative_to(ROOT).as_posix())
            item.user_properties.append(("slow", state))
            if passed.get(name_of(item.nodeid)) == state:
                item.add_marker(pytest.mark.skip(reason=f"slow, and passed with these {', '.join(mark.args)}"))


def name_of(nodeid: str) -> str:
    """Of a test with parameters, the name that all of them share."""
    return nodeid.partition("[")[0]


def read(path: Path) -> dict[str, str]:
    return json.loads(path.read_text()) if path.is_file() else {}


@functools.cache
def state_of(root: Path, *paths: str) -> str:
    """A digest of all files at or below the paths, and of the versions that they run with."""
    digest = hashlib.sha256(f"{version('torch')} {version('transformers')}".encode())
    for path in paths:
        for file in files_of(root / path):
            digest.update(file.relative_to(root).as_posix().encode() + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def files_of(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and not is_made_here(file.relative_to(path)))


def is_made_here(file: Path) -> bool:
    return file.suffix in MADE_HERE or not FOLDERS_MADE_HERE.isdisjoint(file.parent.parts)
