import subprocess

import pytest

from inc_hf.migrate.script import ScriptError
from inc_hf.migrate.script.files import look_through, migrate, write
from inc_hf.migrate.script.found import Found, files_in

OLD, NEW = "from neural_compressor import quantization\n", "from inc_hf import quantization\n"


def test_folders(tmp_path):
    for name in ("a.py", "b/c.ipynb", "b/d.txt", ".git/e.py", "venv/f.py", "__pycache__/g.py", "site-packages/h.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "venv/pyvenv.cfg").write_text("")
    assert [path.relative_to(tmp_path).as_posix() for path in files_in(tmp_path)] == ["a.py", "b/c.ipynb"]


def test_what_has_nothing_of_inc_is_not_parsed(tmp_path):
    (tmp_path / "old.py").write_text("print 1\n")
    (result,) = migrate(tmp_path)
    assert not result.is_changed


ENCODINGS = {
    "crlf": OLD.replace("\n", "\r\n").encode(),
    "latin": ("# coding: latin-1\n# é\n" + OLD).encode("latin-1"),
    "bom": b"\xef\xbb\xbf" + OLD.encode(),
    "no newline": OLD.strip().encode(),
    "tabs": b"if 1:\n\t" + OLD.encode() + b"\tx = 1\n",
}


@pytest.mark.parametrize("content", ENCODINGS.values(), ids=ENCODINGS)
def test_other_bytes_stay(tmp_path, content):
    path = tmp_path / "a.py"
    path.write_bytes(content)
    path.chmod(0o755)
    write(migrate(path))
    assert path.read_bytes() == content.replace(b"neural_compressor", b"inc_hf")
    assert path.stat().st_mode & 0o777 == 0o755


BROKEN = {
    "syntax": b"import neural_compressor\nx = = 1\n",
    "encoding": b"# neural_compressor \xe9\n",
    "unknown encoding": b"# coding: no-such\nimport neural_compressor\n",
    "a null byte": b"import neural_compressor\n\0",
    "indentation": b"import neural_compressor\n  x = 1\n",
}


def test_the_reason_is_that_of_python(tmp_path):
    (tmp_path / "a.py").write_text("import neural_compressor\nprint 1\n")
    with pytest.raises(ScriptError, match=r"a\.py, line 2: .*Missing parentheses in call to 'print'"):
        migrate(tmp_path)


@pytest.fixture
def mixed(tmp_path):
    """Files that can be read and files that cannot."""
    (tmp_path / "a.py").write_text(OLD)
    for i, content in enumerate(BROKEN.values()):
        (tmp_path / f"b{i}.py").write_bytes(content)
    (tmp_path / "c.ipynb").write_text('{"cells": "neural_compressor')
    (tmp_path / "d.py").write_text(OLD)
    return tmp_path


def test_those_that_cannot_be_read_do_not_keep_others_back(mixed):
    found = look_through(mixed)
    assert [each.path.name for each in found.migrated] == ["a.py", "d.py"]
    assert [each.path.name for each in found.not_read] == [*(f"b{i}.py" for i in range(len(BROKEN))), "c.ipynb"]
    assert all(str(each.path) in each.why for each in found.not_read)


def test_all_of_them_are_named_where_none_may_be(mixed):
    with pytest.raises(ScriptError, match=r"b0\.py[^$]*b4\.py[^$]*c\.ipynb"):
        migrate(mixed)


NAMED = {"no python.py": b"x = = 1\n", "binary.py": b"\xff\xfe\0x", "cut.ipynb": b'{"cells": [', "empty.ipynb": b""}


@pytest.mark.parametrize("content", [*BROKEN.values(), *NAMED.values()], ids=[*BROKEN, *NAMED])
def test_one_that_is_named_is_read_in_any_case(tmp_path, request, content):
    name = request.node.callspec.id
    path = tmp_path / (name if "." in name else "a.py")
    path.write_bytes(content)
    with pytest.raises(ScriptError, match=path.name):
        look_through(path)


def test_what_is_passed_by_is_told(tmp_path):
    (tmp_path / "in/build").mkdir(parents=True)
    (tmp_path / "out.py").write_text(OLD)
    (tmp_path / "in/a.py").write_text("x = 1\n")
    (tmp_path / "in/b.py").symlink_to(tmp_path / "out.py")
    (tmp_path / "in/c.py").symlink_to(tmp_path / "in/a.py")  # is read by its own name
    (tmp_path / "in/loop").symlink_to(tmp_path / "in")
    found = Found()
    assert [path.name for path in files_in(tmp_path / "in", found)] == ["a.py"]
    assert [each.path.name for each in found.left_out] == ["b.py", "build"]
    (result,) = migrate(tmp_path / "in/b.py")
    assert result.is_changed


@pytest.mark.parametrize("name", ["none.py", "a.txt"])
def test_what_is_no_script(tmp_path, name):
    (tmp_path / "a.txt").write_text("")
    with pytest.raises(ScriptError, match=name):
        migrate(tmp_path / name)


def git(folder, *words):
    subprocess.run(
        ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=b", *words], check=True, capture_output=True
    )


def test_a_dirty_tree_is_refused(tmp_path):
    for name in ("a.py", "b.py", "c.py"):
        (tmp_path / name).write_text(OLD if name < "c" else "x = 1\n")
    git(tmp_path, "init")
    git(tmp_path, "add", "a.py", "c.py")
    git(tmp_path, "commit", "-m", "all")
    (tmp_path / "c.py").write_text("x = 2\n")  # is not to be written
    with pytest.raises(ScriptError, match=r"b\.py has changes that are not in git"):
        write(migrate(tmp_path))
    assert (tmp_path / "a.py").read_text() == OLD
    git(tmp_path, "add", "b.py")
    with pytest.raises(ScriptError, match=r"b\.py"):
        write(migrate(tmp_path))
    git(tmp_path, "commit", "-m", "b")
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(f"{OLD}x = 1\n")
    with pytest.raises(ScriptError, match=r"a\.py, .*b\.py have changes"):
        write(migrate(tmp_path))
    git(tmp_path, "checkout", "a.py", "b.py")
    assert [path.name for path in write(migrate(tmp_path))] == ["a.py", "b.py"]
    assert (tmp_path / "b.py").read_text() == NEW
    assert write(migrate(tmp_path)) == []  # there is nothing left to do, so that a dirty tree does not matter


def test_what_somebody_else_writes_meanwhile_is_kept(tmp_path):
    path = tmp_path / "a.py"
    path.write_text(OLD)
    found = migrate(path)
    path.write_text("x = 1\n")
    with pytest.raises(ScriptError, match="meanwhile"):
        write(found)
    assert path.read_text() == "x = 1\n"
