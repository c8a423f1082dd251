"""Jobs in forked processes, a few at a time, each with a time limit."""

import contextlib
import io
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait

from architectures.outcome import FAULT, Outcome, Result

# What is imported before is there at once in each of them.
FORK = multiprocessing.get_context("fork")


class Running:
    def __init__(self, name: str, job: Callable[[], Result]):
        self.name, self.start = name, time.monotonic()
        self.pipe, child = FORK.Pipe(duplex=False)
        self.process = FORK.Process(target=run, args=(job, child))
        self.process.start()
        child.close()

    def result(self, seconds: float) -> Result | None:
        """None while there is none."""
        spent = time.monotonic() - self.start
        if self.pipe.poll():
            try:
                result = self.pipe.recv()
            except EOFError:
                self.process.join()
                result = died(self.name, f"the process ended with {self.process.exitcode}")
        elif spent > seconds:
            self.process.kill()
            result = died(self.name, f"not done after {seconds:.0f} s")
        else:
            return None
        self.process.join()
        result.seconds = spent
        return result


def run(job: Callable[[], Result], pipe: Connection) -> None:
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):  # progress bars of all that is called
            pipe.send(job())
    except BaseException:
        print(said.getvalue(), file=sys.stderr)
        raise


def died(name: str, reason: str) -> Result:
    return Result(name, steps={"process": Outcome(FAULT, note=reason)})


def in_processes(jobs: dict[str, Callable[[], Result]], count: int, seconds: float) -> Iterator[Result]:
    """The results, as they come."""
    waiting, running = list(jobs.items())[::-1], []
    while waiting or running:
        while waiting and len(running) < count:
            running.append(Running(*waiting.pop()))
        wait([one.pipe for one in running], timeout=1)
        for one in list(running):
            if (result := one.result(seconds)) is not None:
                running.remove(one)
                yield result
