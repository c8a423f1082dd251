"""A file is there as a whole, or the old one."""

import os

import pytest

from inc_hf.atomic import write_text


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
