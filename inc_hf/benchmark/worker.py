"""One instance of a benchmark: a process that loads a model, says that it is ready, and takes its turns.

It speaks JSON in lines: a task comes first on standard input, then one line per turn; standard output carries the
answers. It ends when standard input does, so that it never outlives who started it.
"""

import json
import os
import re
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

Call = Callable[[int], int]  # runs the n-th batch, returns how many samples it had
Loader = Callable[[dict[str, Any]], tuple[Call, dict[str, Any]]]


def serve(load: Loader) -> None:
    """Load what the task on standard input asks for, and take turns until the input ends.

    Args:
        load (`Callable`): takes the task; returns what runs a batch, and facts to report.
    """
    answers = _own_output()
    task = json.loads(sys.stdin.readline())
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task["cpus"])
    began = time.perf_counter()
    call, facts = load(task)
    loaded = time.perf_counter() - began
    for index in range(max(task["warmup"], 1)):
        call(index)
    _say(answers, {"load_seconds": loaded, "facts": facts, "peak_rss": peak_rss()})
    done = 0
    for line in sys.stdin:
        window = take_turn(call, done, **json.loads(line))
        done += len(window["starts"])
        _say(answers, {**window, "peak_rss": peak_rss()})


def _own_output() -> TextIO:
    """Standard output for the answers alone: whatever else prints, prints to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()


def take_turn(
    call: Call, first: int, start: float, seconds: float, calls: int | None = None, batch: int | None = None
) -> dict[str, list]:
    """Call from the moment `start` on, for `seconds` and at least once, but no more than `calls` times.

    Args:
        first (`int`): number of the first batch; the next ones follow.
        batch (`int`, *optional*): this batch at each call, instead.
    """
    while (wait := start - time.perf_counter()) > 0:
        time.sleep(max(wait - 0.002, 0))
    call(first if batch is None else batch)  # the caches are those of another
    starts, ends, samples = [], [], []
    deadline = time.perf_counter() + seconds
    while not starts or (time.perf_counter() < deadline and (calls is None or len(starts) < calls)):
        starts.append(time.perf_counter())
        samples.append(call(first + len(samples) if batch is None else batch))
        ends.append(time.perf_counter())
    return {"starts": starts, "ends": ends, "samples": samples}


def peak_rss() -> int:
    """Bytes of memory that this process had at most."""
    status = Path("/proc/self/status")
    if status.is_file() and (peak := re.search(r"VmHWM:\s*(\d+) kB", status.read_text())):
        return 1024 * int(peak[1])
    # On Linux this would also count what the process that started this one had.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
