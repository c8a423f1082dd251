"""Which slow tests run."""

import subprocess

import pytest
from slow import changed_files, is_due


@pytest.mark.parametrize(
    "changed, expected",
    [
        (None, True),
        ([], False),
        (["README.md", "inc_hf/prunes.py"], False),
        (["inc_hf/prune/mask.py"], True),
        (["pyproject.toml"], True),
    ],
    ids=["unknown", "nothing", "others", "below", "the file itself"],
)
def test_is_due(changed, expected):
    assert is_due(("inc_hf/prune", "pyproject.toml"), changed) is expected


def test_changed_files(tmp_path):
    def git(*arguments):
        identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
        subprocess.run(["git", "-C", tmp_path, *identity, *arguments], check=True, capture_output=True)

    changed_files.cache_clear()
    assert changed_files(tmp_path) is None, "no git"
    git("init")
    for name in ("same", "committed", "edited"):
        (tmp_path / name).write_text("1")
    git("add", ".")
    git("commit", "-m", "first")
    changed_files.cache_clear()
    assert changed_files(tmp_path) is None, "no tag"
    git("tag", "v1")
    (tmp_path / "committed").write_text("2")
    git("commit", "-am", "second")
    for name in ("edited", "new"):
        (tmp_path / name).write_text("2")
    changed_files.cache_clear()
    assert sorted(changed_files(tmp_path)) == ["committed", "edited", "new"]
