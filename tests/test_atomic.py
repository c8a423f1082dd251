"""A file is there as a whole, or the old one."""

import os
import random
import subprocess
import sys

import pytest
from tiny import offline_environment

from inc_hf.atomic import temporary_directory, write_text
from inc_hf.config import Options


def test_written_and_replaced(tmp_path):
    for text in ("first", "second: é\n"):
        write_text(tmp_path / "a.json", text)
        assert (tmp_path / "a.json").read_text(encoding="utf-8") == text
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path, monkeypatch):
    write_text(tmp_path / "a.json", "old")

    def killed(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_text(tmp_path / "a.json", "new")
    assert (tmp_path / "a.json").read_text() == "old"


def test_no_directory(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_text(tmp_path / "absent" / "a.json", "text")


def test_the_mode_is_that_of_other_new_files(tmp_path):
    (tmp_path / "other").touch()
    write_text(tmp_path / "a.json", "text")
    assert (tmp_path / "a.json").stat().st_mode == (tmp_path / "other").stat().st_mode


WRITE_AND_WAIT = """
import sys
from pathlib import Path
from inc_hf.atomic import temporary_directory, temporary_file
with temporary_directory(Path("out")), temporary_file(Path("a.json")):
    print("there", flush=True)
    sys.stdin.read()
"""


def hidden(folder):
    return sorted(path.name[:4] for path in folder.iterdir() if path.name.startswith("."))


def test_two_processes_at_once_and_what_a_killed_one_leaves(tmp_path):
    command = [sys.executable, "-c", WRITE_AND_WAIT]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=offline_environment(), **pipes) as other:
        assert other.stdout.readline() == "there\n"
        write_text(tmp_path / "a.json", "mine")
        with temporary_directory(tmp_path / "out") as mine:
            assert mine.is_dir() and hidden(tmp_path) == [".a.j", ".out", ".out"], "that of the other stays"
        other.kill()
    assert hidden(tmp_path) == [".a.j", ".out"], "that of the other"
    write_text(tmp_path / "a.json", "again")
    assert hidden(tmp_path) == [".out"]
    with temporary_directory(tmp_path / "out"):
        assert hidden(tmp_path) == [".out"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_what_is_called_alike_stays(tmp_path):
    names = [".a.json.part", ".a.json.12345.part", ".b.json.1a2b3c4d.part", "a.json.1a2b3c4d.part"]
    for name in names:
        (tmp_path / name).touch()
    write_text(tmp_path / "a.json", "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*names, "a.json"])


def test_a_seed_does_not_make_names_alike(tmp_path):
    names = set()
    for _ in range(2):
        random.seed(0)
        with temporary_directory(tmp_path / "out") as folder:
            names.add(folder.name)
        names.add(Options().workspace)
    assert len(names) == 4
