"""One instance of a benchmark: a process that loads a model, says that it is ready, and takes its turns.

It speaks JSON in lines: a task comes first on standard input, then one line per turn; standard output carries the
answers. It ends when standard input does, so that it never outlives who started it.
"""

import json
import os
import re
import resource
import select
import sys
import time
from collections.abc import Callable
from functools import partial
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
        turn = json.loads(line)
        stay_busy = None if turn.pop("is_alone", True) else partial(_until_all_are_through, answers)
        window = take_turn(call, done, **turn, stay_busy=stay_busy)
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


def _until_all_are_through(answers: TextIO, call: Callable[[], None]) -> None:
    """Go on with `call` until the other instances have made their calls, too, so that none of them runs alone."""
    _say(answers, {"is_through": True})
    while not select.select([sys.stdin], [], [], 0)[0]:
        call()
    sys.stdin.readline()


def take_turn(
    call: Call,
    first: int,
    start: float,
    seconds: float,
    calls: int | None = None,
    batch: int | None = None,
    stay_busy: Callable[[Callable[[], None]], None] | None = None,
) -> dict[str, Any]:
    """Call from the moment `start` on, for `seconds` and at least once, but no more than `calls` times.

    Args:
        first (`int`): number of the first batch; the next ones follow.
        batch (`int`, *optional*): this batch at each call, instead.
        stay_busy (`Callable`, *optional*): makes more calls, which do not count, while others have their turn.
    """
    while (wait := start - time.perf_counter()) > 0:
        time.sleep(max(wait - 0.002, 0))
    call(first if batch is None else batch)  # the caches are those of another
    starts: list[float] = []
    ends: list[float] = []
    samples: list[int] = []

    def timed() -> None:
        starts.append(time.perf_counter())
        samples.append(call(first + len(samples) if batch is None else batch))
        ends.append(time.perf_counter())

    deadline = time.perf_counter() + seconds
    while not starts or (time.perf_counter() < deadline and (calls is None or len(starts) < calls)):
        timed()
    counted = len(starts)
    if stay_busy is not None:
        stay_busy(timed)
    return {"starts": starts, "ends": ends, "samples": samples, "counted": counted}


def peak_rss() -> int:
    """Bytes of memory that this process had at most."""
    status = Path("/proc/self/status")
    if status.is_file() and (peak := re.search(r"VmHWM:\s*(\d+) kB", status.read_text())):
        return 1024 * int(peak[1])
    # On Linux this would also count what the process that started this one had.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
