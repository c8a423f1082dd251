"""The processes of all models of a benchmark, and their turns."""

import contextlib
from collections.abc import Iterator, Sequence

from inc_hf.benchmark.instances import WORKER, Instance, started
from inc_hf.benchmark.measure import Turns, take_turns
from inc_hf.config import BenchmarkConfig
from inc_hf.telling import progress_bar


def settings_of(conf: BenchmarkConfig) -> dict[str, int | None]:
    """What a process is told of the config."""
    return {
        "warmup": conf.warmup,
        "threads": conf.intra_num_of_threads,
        "inter_threads": conf.inter_num_of_threads,
    }


@contextlib.contextmanager
def running(
    tasks: dict[str, dict], cpus: list[list[int]], command: Sequence[str] = WORKER
) -> Iterator[dict[str, list[Instance]]]:
    """The processes of all models; those of one load at the same time, the next model after them."""
    many = len(cpus) > 1
    with contextlib.ExitStack() as stack:
        groups = {}
        for label, task in tasks.items():
            names = [f"{label}, instance {i}" if many else label for i in range(len(cpus))]
            instances = [Instance(name, task, each, command) for name, each in zip(names, cpus, strict=True)]
            groups[label] = stack.enter_context(started(instances))
        yield groups


def turns_of(groups: dict[str, list[Instance]], seconds: float, calls: int | None, progress: bool) -> Turns:
    """See [`take_turns`], with a progress bar."""
    with progress_bar(total=100, desc="Measuring", unit="%", disable=not progress, leave=False) as bar:
        return take_turns(groups, seconds, calls, on_round=lambda share: bar.update(round(100 * share) - bar.n))
