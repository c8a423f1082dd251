"""The declarations of LibTorch's C functions in the kernels' sources are those of torch itself."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import torch

KERNELS = Path(__file__).parents[2] / "kernels"
COMPILER = shutil.which("c++") or shutil.which("g++")
pytestmark = pytest.mark.skipif(not COMPILER, reason="there is no C++ compiler")


def compile_against_torch(header: str, folder: Path) -> subprocess.CompletedProcess:
    """Checks kernels/tests/libtorch_declarations.cc, with `header` as torch-ext/libtorch.h."""
    (folder / "torch-ext").mkdir()
    (folder / "torch-ext/libtorch.h").write_text(header)
    source = shutil.copytree(KERNELS / "tests", folder / "tests") / "libtorch_declarations.cc"
    include = Path(torch.__file__).parent / "include"
    command = [COMPILER, "-std=c++17", "-fsyntax-only", "-DTORCH_TARGET_VERSION=0x020b000000000000"]
    return subprocess.run([*command, "-isystem", include, source], capture_output=True, text=True)


def test_declarations_are_those_of_torch(tmp_path):
    header = (KERNELS / "torch-ext/libtorch.h").read_text()
    result = compile_against_torch(header, tmp_path)
    assert result.returncode == 0, result.stderr


def test_another_type_is_noticed(tmp_path):
    header = (KERNELS / "torch-ext/libtorch.h").read_text()
    changed = re.sub(
        r"aoti_torch_get_dim\(AtenTensorHandle tensor, int64_t",
        "aoti_torch_get_dim(AtenTensorHandle tensor, int32_t",
        header,
    )
    assert changed != header
    result = compile_against_torch(changed, tmp_path)
    assert result.returncode != 0 and "aoti_torch_get_dim" in result.stderr


def test_every_function_is_one_of_torch():
    """A misspelled name is no other type: it would be a function of its own, which nothing has."""
    header = (KERNELS / "torch-ext/libtorch.h").read_text()
    names = set(re.findall(r"\b(?:aoti_)?torch_\w+(?=\()", header))
    include = Path(torch.__file__).parent / "include/torch/csrc"
    declared = "".join((include / path).read_text() for path in ("inductor/aoti_torch/c/shim.h", "stable/c/shim.h"))
    assert len(names) > 30
    assert {name for name in names if not re.search(rf"\b{name}\(", declared)} == set()
