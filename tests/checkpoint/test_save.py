"""A save is all or nothing, also when the process is killed."""

import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from inc_hf.checkpoint import save
from inc_hf.checkpoint.save import check_output_directory, replace_directory, save_checkpoint, write_model

OLD = {"config.json": "old", "model.safetensors": "old weights", "notes.txt": "mine", "runs/log": "kept"}
NEW = {"config.json": "new", "model-00001-of-00002.safetensors": "a", "model-00002-of-00002.safetensors": "b"}
REPLACED = NEW | {"notes.txt": "mine", "runs/log": "kept"}


def make(directory: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)
    return directory


def content(directory: Path) -> dict[str, str]:
    return {str(p.relative_to(directory)): p.read_text() for p in sorted(directory.rglob("*")) if p.is_file()}


def write_new(directory: Path) -> None:
    make(directory, NEW)


def write_in_parts(directory: Path) -> None:
    for name, text in NEW.items():
        with open(directory / name, "w") as file:
            file.write(text[:1])
            file.flush()
            file.write(text[1:])


def save_and_die(target: Path, event: int, can_exchange: bool) -> int:
    """Save in a process that kills itself at the n-th auditing event: each file opened, moved or removed is one.

    Returns:
        How many there were. A process that came to its end returns that by a pipe; -1 is none of them.
    """
    read, written = os.pipe()
    if not (process := os.fork()):
        saved_by_a_child(target, event, can_exchange, written)
    os.close(written)
    with open(read) as answer:
        events = answer.read()
    _, status = os.waitpid(process, 0)
    assert bool(events) == os.WIFEXITED(status) and (events or os.WTERMSIG(status) == signal.SIGKILL)
    return int(events or -1)


def saved_by_a_child(target: Path, fatal: int, can_exchange: bool, answer: int) -> None:
    """Never returns: the child of a fork is not to go on with the tests."""
    events = 0

    def count(event, args):
        nonlocal events
        events += 1
        if events == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        if not can_exchange:
            save._exchange = lambda a, b: False
        sys.addaudithook(count)
        save_checkpoint(write_in_parts, target, overwrite=True)
        os.write(answer, str(events).encode())
    finally:
        os._exit(0)


def kill_points(tmp_path: Path, old: dict[str, str] | None, can_exchange: bool = True) -> list[dict[str, str] | None]:
    """What the target holds after a kill at each event of a save over `old`; None where it is absent."""
    whole = make(tmp_path / "whole" / "out", old) if old is not None else tmp_path / "whole" / "out"
    found = []
    for event in range(1, save_and_die(whole, -1, can_exchange) + 1):
        target = tmp_path / str(event) / "out"
        if old is not None:
            make(target, old)
        assert save_and_die(target, event, can_exchange) == -1
        found.append(content(target) if target.exists() else None)
    return found


def check_that_the_next_save_leaves_nothing(killed: Path) -> None:
    folders = [path for path in killed.iterdir() if path.name != "whole"]
    assert any(len(list(folder.iterdir())) > 1 for folder in folders), "a killed save left something"
    for folder in folders:
        save_checkpoint(write_new, folder / "out", overwrite=True)
        assert [path.name for path in folder.iterdir()] == ["out"]
        assert NEW.items() <= content(folder / "out").items()


class TestKilled:
    def test_over_an_old_directory(self, tmp_path):
        found = kill_points(tmp_path, OLD)
        assert all(files in (OLD, REPLACED) for files in found)
        # from the exchange on it is the new one, and the old one is removed afterwards
        first_new = found.index(REPLACED)
        assert 10 < first_new < len(found) - 4
        assert found[first_new:] == [REPLACED] * (len(found) - first_new)
        check_that_the_next_save_leaves_nothing(tmp_path)

    def test_into_a_new_directory(self, tmp_path):
        found = kill_points(tmp_path, None)
        assert all(files in (None, NEW) for files in found)
        assert found[0] is None

    def test_where_names_cannot_be_exchanged(self, tmp_path):
        found = kill_points(tmp_path, {"config.json": "old"}, can_exchange=False)
        assert all(files in ({"config.json": "old"}, NEW, None) for files in found)
        assert found.count(None) <= 1, "the target is absent between the two renames only"
        kept = [content(p) for p in tmp_path.glob("*/.out.*.old")]
        assert {"config.json": "old"} in kept, "and the old directory is beside it"
        check_that_the_next_save_leaves_nothing(tmp_path)


class TestSave:
    @pytest.mark.parametrize("existing", ["absent", "empty", "nested"])
    def test_into_a_new_directory(self, tmp_path, existing):
        target = tmp_path / "a" / "b" / "out" if existing == "nested" else tmp_path / "out"
        if existing == "empty":
            target.mkdir()
        assert save_checkpoint(write_new, target) == target
        assert content(target) == NEW
        assert [p.name for p in target.parent.iterdir()] == ["out"]

    def test_string_and_relative_paths(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        save_checkpoint(write_new, "out")
        save_checkpoint(write_new, "./out/", overwrite=True)
        assert content(tmp_path / "out") == NEW

    def test_through_a_symbolic_link(self, tmp_path):
        make(tmp_path / "disk" / "real", OLD)
        (tmp_path / "out").symlink_to(tmp_path / "disk" / "real")
        save_checkpoint(write_new, tmp_path / "out", overwrite=True)
        assert (tmp_path / "out").is_symlink()
        assert content(tmp_path / "disk" / "real") == REPLACED
        assert sorted(p.name for p in tmp_path.iterdir()) == ["disk", "out"]

    @pytest.mark.parametrize("way", ["exchange", "rename"])
    def test_overwrite(self, tmp_path, way, monkeypatch):
        if way == "rename":
            monkeypatch.setattr(save, "_exchange", lambda a, b: False)
        make(tmp_path / "out", OLD)
        save_checkpoint(write_new, tmp_path / "out", overwrite=True)
        assert content(tmp_path / "out") == REPLACED
        assert [p.name for p in tmp_path.iterdir()] == ["out"]

    def test_kept_symbolic_links_stay_links(self, tmp_path):
        make(tmp_path, {"shared.txt": "x", "out/config.json": "old"})
        (tmp_path / "out" / "link.txt").symlink_to("../shared.txt")
        (tmp_path / "out" / "dangling").symlink_to("nowhere")
        save_checkpoint(write_new, tmp_path / "out", overwrite=True)
        assert os.readlink(tmp_path / "out" / "link.txt") == "../shared.txt"
        assert os.readlink(tmp_path / "out" / "dangling") == "nowhere"

    @pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
    @pytest.mark.parametrize("existing", [True, False], ids=["over an old one", "new"])
    def test_an_exception_leaves_no_trace(self, tmp_path, existing, error):
        def fail(directory):
            (directory / "config.json").write_text("half")
            raise error("no space")

        target = tmp_path / "out"
        if existing:
            make(target, OLD)
        with pytest.raises(error, match="no space"):
            save_checkpoint(fail, target, overwrite=True)
        assert [p.name for p in tmp_path.iterdir()] == (["out"] if existing else [])
        assert not existing or content(target) == OLD

    @pytest.mark.parametrize(("mask", "directory_mode", "file_mode"), [(0o022, 0o755, 0o644), (0o077, 0o700, 0o600)])
    def test_permissions_follow_the_umask(self, tmp_path, mask, directory_mode, file_mode):
        def write(directory):
            # safetensors makes its files readable by their owner alone
            os.close(os.open(directory / "model.safetensors", os.O_CREAT | os.O_WRONLY, 0o600))

        before = os.umask(mask)
        try:
            for _ in range(2):
                save_checkpoint(write, tmp_path / "out", overwrite=True)
                assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == directory_mode
                assert stat.S_IMODE((tmp_path / "out" / "model.safetensors").stat().st_mode) == file_mode
            assert os.umask(mask) == mask, "the umask itself stays as it was"
        finally:
            os.umask(before)


class TestRefused:
    def test_directory_with_files(self, tmp_path):
        make(tmp_path / "out", OLD)
        with pytest.raises(FileExistsError, match="out is not empty; .*overwrite=True"):
            save_checkpoint(write_new, tmp_path / "out")
        assert content(tmp_path / "out") == OLD

    @pytest.mark.parametrize("overwrite", [True, False])
    def test_file(self, tmp_path, overwrite):
        (tmp_path / "out").write_text("a file")
        with pytest.raises(FileExistsError, match="out is a file, not a directory"):
            save_checkpoint(write_new, tmp_path / "out", overwrite=overwrite)
        assert (tmp_path / "out").read_text() == "a file"
        assert [p.name for p in tmp_path.iterdir()] == ["out"]

    @pytest.mark.parametrize("name", [".", "..", "../../out"])
    @pytest.mark.parametrize("overwrite", [True, False])
    def test_working_directory(self, tmp_path, monkeypatch, name, overwrite):
        make(tmp_path / "out" / "sub", OLD)
        monkeypatch.chdir(tmp_path / "out" / "sub")
        with pytest.raises(FileExistsError, match="cannot be replaced, .* choose a directory inside it"):
            save_checkpoint(write_new, name, overwrite)
        assert content(tmp_path / "out" / "sub") == OLD
        assert [p.name for p in tmp_path.iterdir()] == ["out"]

    @pytest.mark.skipif(not Path("/dev/shm").is_mount(), reason="/dev/shm is no mount point here")
    def test_mount_point(self):
        with pytest.raises(FileExistsError, match="/dev/shm cannot be replaced"):
            check_output_directory("/dev/shm", overwrite=True)

    def test_below_a_file(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(OSError):
            save_checkpoint(write_new, tmp_path / "file" / "out")

    def test_nothing_is_written_before_the_check(self, tmp_path):
        make(tmp_path / "out", OLD)
        with pytest.raises(FileExistsError):
            save_checkpoint(lambda directory: pytest.fail("write was called"), tmp_path / "out")

    def test_check_alone(self, tmp_path):
        check_output_directory(tmp_path / "absent")
        check_output_directory(tmp_path)
        make(tmp_path, OLD)
        check_output_directory(tmp_path, overwrite=True)
        with pytest.raises(FileExistsError):
            check_output_directory(tmp_path)


def test_replace_directory_exchanges_in_one_call(tmp_path):
    make(tmp_path / "new", NEW)
    make(tmp_path / "out", OLD)
    replace_directory(tmp_path / "new", tmp_path / "out")
    assert content(tmp_path / "out") == NEW
    assert content(tmp_path / "new") == OLD


def test_a_tokenizer_is_written_beside_its_model(tmp_path):
    class Saved:
        def __init__(self, name):
            self.name = name

        def save_pretrained(self, directory):
            (directory / self.name).write_text("")

    write_model(Saved("config.json"), None, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]
    write_model(Saved("config.json"), Saved("tokenizer.json"), tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "tokenizer.json"]
