"""Processes that begin where a fresh interpreter has imported torch and transformers, without the seconds for it.

A server has imported them, and nothing of ours; every `Fresh` is a child that it forks. Tests of what is about the
interpreter itself (the time of imports, entry points, launchers, Ctrl-C) start a real one instead. This module is
imported in the child, so it imports nothing of ours either.
"""

import functools
import multiprocessing
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Mapping
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any
from unittest import mock

# What nearly all of our scripts import. None of it leaves a thread that a fork would lose.
IMPORTED = ["torch", "transformers.trainer", "transformers.models.bert.modeling_bert"]
CONTEXT = multiprocessing.get_context("forkserver")


def run_fresh(script: str | Path, *arguments: Any, timeout: float = 300, **where: Any) -> subprocess.CompletedProcess:
    """Run a script to its end, see `Fresh`."""
    return Fresh(script, *arguments, **where).communicate(timeout)


def run_ranks(
    script: Path, *arguments: Any, env: Mapping[str, str], ranks: int = 2, timeout: float = 300
) -> list[subprocess.CompletedProcess]:
    """Run a file in the processes of one group of `torch.distributed`, as `torchrun` would, to their ends."""
    group = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(ranks)}
    environments = [{**env, **group, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(ranks)]
    processes = [Fresh(script, *arguments, env=environment) for environment in environments]
    return [process.communicate(timeout) for process in processes]


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


class Fresh:
    """A running process, like a `subprocess.Popen` that keeps what is written.

    Args:
        script (`str` or `Path`): code, or a file with it, that runs as `__main__`.
        arguments: the rest of `sys.argv`.
        env (`dict[str, str]`): its environment; libraries that are imported already have read that of the tests.
    """

    def __init__(
        self, script: str | Path, *arguments: Any, cwd: str | Path = ".", env: Mapping[str, str] = os.environ
    ):
        self.files = [tempfile.TemporaryFile("w+", encoding="utf-8") for _ in range(2)]  # noqa: SIM115 as they live on
        standard = {number: file.fileno() for number, file in enumerate(self.files, start=1)}
        self.process = forked(script, [*map(str, arguments)], os.path.abspath(cwd), dict(env), standard)

    def communicate(self, timeout: float = 300) -> subprocess.CompletedProcess:
        """Wait for its end."""
        self.process.join(timeout)
        if self.process.exitcode is None:
            self.process.kill()
            raise TimeoutError(f"Still running after {timeout} seconds.")
        for file in self.files:
            file.seek(0)
        stdout, stderr = (file.read() for file in self.files)
        return subprocess.CompletedProcess(self.process.name, self.process.exitcode, stdout, stderr)


def forked(
    script: str | Path, arguments: list[str], cwd: str, env: dict[str, str], standard: dict[int, int]
) -> BaseProcess:
    """A child of the server that has begun; `standard` has our file descriptor for each of its standard streams."""
    _serve()
    descriptors = {number: _Descriptor(ours) for number, ours in standard.items()}
    process = CONTEXT.Process(target=_run, args=(script, arguments, cwd, env, descriptors))
    process.start()
    return process


def _serve() -> None:
    """Start the server, once. Its torch has one thread, and what is downloaded or cached is not the user's."""
    CONTEXT.set_forkserver_preload(IMPORTED)
    with mock.patch.dict(os.environ, OMP_NUM_THREADS="1", HF_HOME=_home().name):
        forkserver.ensure_running()


@functools.cache
def _home() -> tempfile.TemporaryDirectory:
    """What libraries keep here goes when the tests end."""
    return tempfile.TemporaryDirectory(prefix="inc_hf_home_")


class _Descriptor:
    """A file descriptor, which the child gets a duplicate of."""

    def __init__(self, number: int):
        self.number = number

    def __reduce__(self) -> tuple:
        return _detached, (DupFd(self.number),)


def _detached(duplicate: Any) -> int:
    return duplicate.detach()


def _run(script: str | Path, arguments: list[str], cwd: str, env: dict[str, str], standard: dict[int, int]) -> None:
    for number, descriptor in standard.items():
        os.dup2(descriptor, number)
    if 0 in standard:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # multiprocessing has closed it
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    assert "inc_hf" not in sys.modules
    if isinstance(script, Path):
        sys.argv = [str(script), *arguments]
        sys.path.insert(0, str(script.parent))
        runpy.run_path(str(script), run_name="__main__")
    else:
        sys.argv = ["-c", *arguments]
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        exec(compile(script, "<string>", "exec"), main.__dict__)
