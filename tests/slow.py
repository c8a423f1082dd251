"""`@pytest.mark.slow("inc_hf/callbacks", ...)`: a test that runs only if something below these paths has changed.

Changed means since the last tag, in the working tree or in a commit. With `--all`, where there is no tag, and where
there is no git, all tests run.
"""

import functools
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--all", action="store_true", help="also the slow tests of files that have not changed")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--all"):
        return
    for item in items:
        if (mark := item.get_closest_marker("slow")) and not is_due(mark.args, changed_files(ROOT)):
            item.add_marker(pytest.mark.skip(reason=f"slow, and {', '.join(mark.args)} are those of the last tag"))


def is_due(covers: tuple[str, ...], changed: list[str] | None) -> bool:
    """Whether one of the changed files is, or lies below, one of the paths; None means that anything may have.

    Without paths a test is always due.
    """
    return changed is None or not covers or any(Path(file).is_relative_to(path) for file in changed for path in covers)


@functools.cache
def changed_files(root: Path) -> list[str] | None:
    """Files that are not as they were at the last tag, new ones among them; None if that cannot be told."""
    try:
        tag = _git(root, "describe", "--tags", "--abbrev=0").strip()
        edited = _git(root, "diff", "--name-only", tag)
        return (edited + _git(root, "ls-files", "--others", "--exclude-standard")).splitlines()
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(root: Path, *arguments: str) -> str:
    return subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=True).stdout
