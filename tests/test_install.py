"""What `pip` makes of a checkout: a wheel with the kernels, on request one without them, and a source archive."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from inc_hf.ops import ISAS

ROOT = Path(__file__).parents[1]
LIBRARY = "inc_hf/_kernels.so"
DATA = ["inc_hf/py.typed", "inc_hf/results/templates/model_card.md", "optimum/commands/register/register_inc_hf.py"]
NOT_COPIED = shutil.ignore_patterns(".*", "build", "dist", "runs", "CMakeFiles", "__pycache__")
BUILD_SDIST = "import sys; from scikit_build_core.build import build_sdist; build_sdist(sys.argv[1])"
compiles = pytest.mark.slow("kernels", "pyproject.toml")
LOAD = "import sys, torch; torch.ops.load_library(sys.argv[1]); print(torch.ops.inc_hf.isa())"


NO_COMPILER = {"CXX": "/nonexistent/c++", "CC": "/nonexistent/cc"}


def run(*command: str | Path, cwd: Path, fails: bool = False, **env: str) -> str:
    """What `command` prints; it must succeed, or fail."""
    result = subprocess.run(command, cwd=cwd, env=os.environ | env, capture_output=True, text=True)
    assert (result.returncode != 0) == fails, result.stdout + result.stderr
    return result.stdout + result.stderr


def pip_wheel(source: Path, folder: Path, **how) -> str:
    """What pip prints as it builds a wheel of `source`, without the network."""
    options = ["--verbose", "--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", folder]
    return run(sys.executable, "-m", "pip", "wheel", *options, ".", cwd=source, **how)


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
    folder = tmp_path_factory.mktemp("compiled")
    pip_wheel(source, folder, SKBUILD_CMAKE_BUILD_TYPE="Debug")  # in half the time
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def pure(source, tmp_path_factory) -> Path:
    """The wheel without kernels, on request; it takes no compiler."""
    folder = tmp_path_factory.mktemp("pure")
    assert "built WITHOUT its C++ kernels" in pip_wheel(source, folder, INC_HF_BUILD="pure", **NO_COMPILER)
    return next(folder.glob("*.whl"))


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
        *(name for name in names(pure) if ".dist-info/" not in name),
    }
    assert pure.name.endswith("-py3-none-any.whl")


@compiles
@pytest.mark.skipif(not shutil.which("objdump"), reason="objdump is missing; apt install binutils")
@pytest.mark.parametrize("library, newest", [("GLIBC", (2, 28)), ("GLIBCXX", (3, 4, 25)), ("CXXABI", (1, 3, 11))])
def test_kernels_run_on_the_systems_of_manylinux_2_28(compiled, tmp_path, library, newest):
    path = zipfile.ZipFile(compiled).extract(LIBRARY, tmp_path)
    symbols = run("objdump", "-T", path, cwd=tmp_path)
    needed = {tuple(map(int, version.split("."))) for version in re.findall(rf"\({library}_([0-9.]+)\)", symbols)}
    assert needed and max(needed) <= newest


def test_without_a_compiler_there_is_no_wheel_but_a_line_for_a_pure_one(source, tmp_path):
    log = pip_wheel(source, tmp_path, fails=True, **NO_COMPILER)
    assert "could not compile its C++ kernels" in log and "INC_HF_BUILD=pure pip install" in log


def test_another_way_to_build_is_refused(source, tmp_path):
    assert "INC_HF_BUILD must be pure or native" in pip_wheel(source, tmp_path, fails=True, INC_HF_BUILD="fast")


@compiles
def test_the_line_of_readme_gives_the_kernels(source, tmp_path):
    """In an environment of its own, which sees the packages of this one, so that nothing else has to be fetched."""
    (line,) = re.findall(r'^pip install "\.\[.*$', (ROOT / "README.md").read_text(), flags=re.MULTILINE)
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    (site_packages,) = tmp_path.glob("venv/lib/*/site-packages")
    (site_packages / "outer.pth").write_text("\n".join(path for path in sys.path if "site-packages" in path))
    bin = f"{tmp_path / 'venv/bin'}:{os.environ['PATH']}"
    run("bash", "-ec", line, cwd=source, PATH=bin)
    assert (site_packages / LIBRARY).is_file()
    info = run(tmp_path / "venv/bin/inc-hf", "info", "--json", cwd=tmp_path)
    assert json.loads(info)["kernels"].startswith(tuple(ISAS[:-1]))


def test_wheel_has_the_package_and_nothing_else(pure):
    found = set(names(pure))
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
