"""Running a command of the caller several times at once (INC 2.X `benchmark_with_raw_cmd`)."""

import contextlib
import os
import re
import shlex
import subprocess
from pathlib import Path

from inc_hf.benchmark.cores import share_out
from inc_hf.benchmark.instances import BenchmarkError, local_memory
from inc_hf.config import BenchmarkConfig
from inc_hf.config.arguments import check_conf
from inc_hf.config.checks import check_string
from inc_hf.errors import UsageError

LATENCY = re.compile(r"[Ll]atency:\s+(\d+(?:\.\d+)?)")
THROUGHPUT = re.compile(r"[Tt]hroughput:\s+(\d+(?:\.\d+)?)")


def benchmark_with_raw_cmd(raw_cmd: str, conf: BenchmarkConfig | None = None) -> dict[str, float | list[str]]:
    """Run a command as `conf.num_of_instance` processes at the same time, each bound to its own physical cores.

    Each finds `OMP_NUM_THREADS`, `NUM_OF_INSTANCE`, `CORES_PER_INSTANCE` and `NC_ENV_CONF=True` in its environment,
    and writes `{instances}_{cores}_{index}.log` in the working directory. What it prints as "Latency: 1.5 ms" and
    "Throughput: 20 samples/sec" is collected, with the names and patterns of INC. It says itself what it measures:
    whether the processes ran at the same time is not known here.

    Args:
        raw_cmd (`str`): a command and its arguments; no shell interprets it.

    Returns:
        `dict`: the mean of the latencies, in the command's own unit ("latency"), the sum of the throughputs
        ("throughput"), NaN where nothing was printed, and the paths of the logs ("logs").

    Raises:
        ValueError: an empty command, or more instances than cores.
        BenchmarkError: a process failed; all others have been stopped.
    """
    check_conf(conf, BenchmarkConfig)
    conf = conf or BenchmarkConfig()
    command = shlex.split(check_string("raw_cmd", raw_cmd))
    if not command:
        raise UsageError("`raw_cmd` is empty; give a command such as 'python bench.py'.")
    cpus = share_out(conf.num_of_instance, conf.cores_per_instance)
    logs = [Path(f"{len(cpus)}_{len(each)}_{i}.log") for i, each in enumerate(cpus)]
    processes: list[subprocess.Popen] = []
    with contextlib.ExitStack() as stack:
        try:
            for each, log in zip(cpus, logs, strict=True):
                file = stack.enter_context(log.open("w", encoding="utf-8"))
                processes.append(_start(command, each, len(cpus), file))
            for process, log in zip(processes, logs, strict=True):
                if code := process.wait():
                    raise BenchmarkError(f"`{raw_cmd}` ended with exit code {code}, see {log}.")
        finally:
            for process in processes:
                process.kill()
                process.wait()
    texts = [log.read_text(encoding="utf-8", errors="replace") for log in logs]
    return {
        "latency": _mean([float(found[1]) for text in texts for found in LATENCY.finditer(text)]),
        "throughput": sum(float(found[1]) for text in texts for found in THROUGHPUT.finditer(text)) or float("nan"),
        "logs": [str(log) for log in logs],
    }


def _start(command: list[str], cpus: list[int], instances: int, log) -> subprocess.Popen:
    threads = str(len(cpus))
    environment = os.environ | {
        "OMP_NUM_THREADS": threads,
        "NUM_OF_INSTANCE": str(instances),
        "CORES_PER_INSTANCE": threads,
        "NC_ENV_CONF": "True",
    }
    process = subprocess.Popen([*local_memory(cpus), *command], stdout=log, stderr=subprocess.STDOUT, env=environment)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(process.pid, cpus)
    return process


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
