"""A use in a process of its own: a child of this one, where everything is imported, in a copy of a folder."""

import contextlib
import importlib
import os
import pkgutil
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import inc_hf

LONGEST = 20.0  # seconds


def import_all() -> None:
    """What the children would import, each anew, and perhaps of another version."""
    for module in pkgutil.walk_packages(inc_hf.__path__, "inc_hf."):
        with contextlib.suppress(ImportError):  # of what is not installed
            importlib.import_module(module.name)


def in_child(use: Callable[[], int], pristine: Path) -> tuple[int, list[str], float]:
    """Exit code, the lines of stderr that are not blank, and seconds. The child may change its copy of the folder."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as stderr, tempfile.TemporaryDirectory() as folder:
        shutil.copytree(pristine, folder, dirs_exist_ok=True)
        child = os.fork()
        if child == 0:
            os.setsid()
            os.chdir(folder)
            os.dup2(stderr.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os._exit(_code(use))
        code = _wait(child)
        stderr.seek(0)
        lines = stderr.read().decode(errors="replace").replace("\r", "\n").splitlines()
    return code, [line for line in lines if line.strip()], time.monotonic() - begin


def _wait(child: int) -> int:
    """The exit code of a child, which is killed, with its children, if it works for too long."""
    begin = time.monotonic()
    while time.monotonic() - begin < 2 * LONGEST:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _code(use: Callable[[], int]) -> int:
    import traceback

    try:
        code = use() or 0
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    return code
