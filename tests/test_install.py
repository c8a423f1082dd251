"""What `pip` makes of a checkout: a wheel with the compiled kernels, one without them, and a source archive."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = "inc_hf/_kernels.so"
DATA = ["inc_hf/py.typed", "inc_hf/results/templates/model_card.md", "optimum/commands/register/register_inc_hf.py"]
NOT_COPIED = shutil.ignore_patterns(".*", "build", "dist", "runs", "CMakeFiles", "__pycache__")
BUILD_SDIST = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"
compiles = pytest.mark.slow("kernels", "pyproject.toml", "tests/test_install.py")
LOAD = "import sys, torch; torch.ops.load_library(sys.argv[1]); print(torch.ops.inc_hf.isa())"


def run(*command: str | Path, cwd: Path, **env: str) -> str:
    """What `command` prints; it must succeed."""
    result = subprocess.run(command, cwd=cwd, env=os.environ | env, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout + result.stderr


def build_wheel(source: Path, folder: Path, **env: str) -> tuple[Path, str]:
    """The wheel that pip builds of `source`, without the network, and what it printed on the way."""
    options = ["--verbose", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder]
    log = run(sys.executable, "-m", "pip", "wheel", *options, ".", cwd=source, **env)
    (wheel,) = folder.glob("*.whl")
    return wheel, log


def names(wheel: Path) -> list[str]:
    return zipfile.ZipFile(wheel).namelist()


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """A copy of the checkout, with a library in it that an editable install has left there."""
    path = tmp_path_factory.mktemp("source") / "inc_hf"
    shutil.copytree(ROOT, path, ignore=NOT_COPIED)
    shutil.copy(ROOT / ".gitignore", path)
    (path / LIBRARY).write_bytes(b"out of date")
    return path


@pytest.fixture(scope="module")
def compiled(source, tmp_path_factory) -> Path:
    wheel, log = build_wheel(source, tmp_path_factory.mktemp("compiled"))
    assert "WITHOUT its C++ kernels" not in log, log
    return wheel


@pytest.fixture(scope="module")
def pure(source, tmp_path_factory) -> tuple[Path, str]:
    return build_wheel(source, tmp_path_factory.mktemp("pure"), CXX="/nonexistent/c++", CC="/nonexistent/cc")


@compiles
def test_wheel_has_the_kernels_and_is_for_every_python(compiled):
    assert LIBRARY in names(compiled)
    assert re.fullmatch(r"inc_hf-[0-9.]+-py3-none-(?!any)\w+\.whl", compiled.name)


@compiles
def test_kernels_of_the_wheel_load(compiled, tmp_path):
    library = zipfile.ZipFile(compiled).extract(LIBRARY, tmp_path)
    assert run(sys.executable, "-W", "ignore", "-c", LOAD, library, cwd=tmp_path).strip()


@compiles
def test_wheels_differ_in_the_kernels_only(compiled, pure):
    assert {name for name in names(compiled) if ".dist-info/" not in name} == {
        LIBRARY,
        *(name for name in names(pure[0]) if ".dist-info/" not in name),
    }


def test_without_a_compiler_the_wheel_is_pure_and_the_log_says_so(pure):
    wheel, log = pure
    assert wheel.name.endswith("-py3-none-any.whl")
    assert LIBRARY not in names(wheel)
    assert "built WITHOUT its C++ kernels" in log


def test_without_cmake_the_wheel_is_pure_and_the_log_says_so(source, tmp_path):
    wheel, log = build_wheel(source, tmp_path, PATH="/nonexistent")
    assert LIBRARY not in names(wheel)
    assert "no CMake" in log


def test_wheel_has_the_package_and_nothing_else(pure):
    found = set(names(pure[0]))
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "inc_hf").rglob("*.py")}
    assert found >= modules | set(DATA)
    assert {name.partition("/")[0] for name in found if ".dist-info/" not in name} == {"inc_hf", "optimum"}
    assert not [name for name in found if name.startswith("optimum/") and name.endswith("__init__.py")]


def test_source_archive_has_what_it_takes_to_compile_and_to_test(source, tmp_path):
    run(sys.executable, "-c", BUILD_SDIST, str(tmp_path), cwd=source)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        found = {name.partition("/")[2] for name in tar.getnames()}
    wanted = [ROOT / "kernels/CMakeLists.txt", ROOT / "kernels/inplace/CMakeLists.txt", ROOT / "tests/conftest.py"]
    wanted += [path for path in (ROOT / "kernels").rglob("*.cc") if "inplace" not in path.parts]
    assert found >= {path.relative_to(ROOT).as_posix() for path in wanted}
    assert not [name for name in found if name.endswith(".so") or "CMakeCache" in name]
