"""Processes that are measured: started together, told when to begin, and never left behind."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from inc_hf.benchmark.statistics import Window

WORKER = (sys.executable, "-m", "inc_hf.benchmark.model_worker")


class BenchmarkError(RuntimeError):
    """An instance could not be measured."""


class Instance:
    """A worker, see `worker.py`.

    Attributes:
        name (`str`): for errors.
        load_seconds (`float`), facts (`dict`), peak_rss (`int`): what it said of itself; RSS in bytes.
    """

    def __init__(self, name: str, task: dict[str, Any], cpus: Sequence[int], command: Sequence[str] = WORKER):
        self.name, self.cpus = name, list(cpus)
        self.task = {**task, "cpus": self.cpus, "threads": task.get("threads") or len(self.cpus)}
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 as it lives on
        threads = str(self.task["threads"])
        environment = {**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [*local_memory(self.cpus), *command],
            stdin=pipe,
            stdout=pipe,
            stderr=self.errors,
            env=environment,
            text=True,
        )

    def begin(self) -> None:
        """Let it load, without waiting for that."""
        self._send(self.task)

    def wait_until_ready(self) -> None:
        """Until it has loaded and warmed up.

        Raises:
            BenchmarkError: it ended instead.
        """
        answer = self._receive()
        self.load_seconds, self.facts, self.peak_rss = answer["load_seconds"], answer["facts"], answer["peak_rss"]

    def tell(self, turn: dict[str, Any]) -> None:
        """Let it take a turn, without waiting for that."""
        self._send(turn)

    def wait_until_through(self) -> None:
        """Until it has made the calls of a turn that it has together with others.

        Raises:
            BenchmarkError: it ended instead.
        """
        self._receive()

    def release(self) -> None:
        """Tell it that the others are through, too."""
        self._send({})

    def window(self) -> Window:
        """What it did in its turn.

        Raises:
            BenchmarkError: it ended instead.
        """
        answer = self._receive()
        self.peak_rss = answer.pop("peak_rss")
        return Window(**answer)

    def _send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(BrokenPipeError):  # `_receive` says why
            self.process.stdin.write(json.dumps(message) + "\n")
            self.process.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}: {self._last_words()}"
            raise BenchmarkError(f"{self.name} {how}")
        return json.loads(line)

    def _last_words(self) -> str:
        self.errors.seek(0)
        return " ".join(self.errors.read().strip().splitlines()[-1:]) or "it said nothing"

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        self.process.kill()
        self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.errors):
            with contextlib.suppress(BrokenPipeError):
                file.close()


def local_memory(cpus: Sequence[int]) -> list[str]:
    """What puts the memory of a command beside its cores, where there are several NUMA nodes and numactl."""
    nodes = list(Path("/sys/devices/system/node").glob("node[0-9]*"))
    if len(nodes) < 2 or shutil.which("numactl") is None:
        return []
    return ["numactl", "--localalloc", f"--physcpubind={','.join(map(str, cpus))}"]


@contextlib.contextmanager
def started(instances: list[Instance]) -> Iterator[list[Instance]]:
    """All of them loaded and ready, inside the block; stopped afterwards, also by an error or Ctrl-C.

    Raises:
        BenchmarkError: one of them failed.
    """
    try:
        for instance in instances:
            instance.begin()
        for instance in instances:
            instance.wait_until_ready()
        yield instances
    finally:
        for instance in instances:
            instance.stop()
