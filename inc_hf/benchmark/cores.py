"""Physical cores of this machine, and which of them each instance gets."""

import os
from pathlib import Path

from inc_hf.errors import UsageError

SYSTEM = Path("/sys/devices/system")


def physical_cores() -> list[list[int]]:
    """The logical CPUs of each physical core that this process may use, cores of one NUMA node side by side.

    Where the system does not tell (it does on Linux), every logical CPU counts as a core.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = {frozenset(_siblings(cpu) & allowed) or frozenset({cpu}) for cpu in allowed}
    return sorted((sorted(core) for core in cores), key=lambda core: (_node_of(core[0]), core))


def _siblings(cpu: int) -> set[int]:
    """The CPUs that are threads of the same core."""
    file = SYSTEM / f"cpu/cpu{cpu}/topology/thread_siblings_list"
    return parse_list(file.read_text()) if file.is_file() else {cpu}


def _node_of(cpu: int) -> int:
    nodes = (SYSTEM / f"cpu/cpu{cpu}").glob("node[0-9]*")
    return min((int(node.name[4:]) for node in nodes), default=0)


def parse_list(text: str) -> set[int]:
    """`"0-2,8"` as {0, 1, 2, 8}."""
    found: set[int] = set()
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def share_out(
    instances: int, cores_per_instance: int | None = None, cores: list[list[int]] | None = None
) -> list[list[int]]:
    """One logical CPU of each physical core that an instance gets, for every instance.

    Args:
        cores_per_instance (`int`, *optional*): by default all cores are shared out evenly.
        cores (`list[list[int]]`, *optional*): instead of [`physical_cores`].

    Raises:
        ValueError: there are not as many physical cores.
    """
    cores = physical_cores() if cores is None else cores
    each = cores_per_instance or len(cores) // instances
    needed = instances * max(each, 1)
    if needed > len(cores):
        asked = f"{counted(instances, 'instance')} of {counted(max(each, 1), 'core')}"
        raise UsageError(
            f"{asked} {'needs' if instances == 1 else 'need'} {counted(needed, 'physical core')}, but this process "
            f"may use {len(cores)}; lower `num_of_instance` (--instances) or `cores_per_instance` (--cores)."
        )
    return [[core[0] for core in cores[i * each : (i + 1) * each]] for i in range(instances)]


def counted(number: int, noun: str) -> str:
    """Such as "1 core" and "2 cores"."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
