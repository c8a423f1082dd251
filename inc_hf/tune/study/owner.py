"""Which process works on a trial, and whether it still does."""

import functools
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any


@functools.cache
def place() -> str:
    """Where numbers of processes mean the same: one boot of one machine, or of one container on it."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def me() -> dict[str, Any]:
    """This process."""
    pid = os.getpid()
    return {"host": socket.gethostname(), "place": place(), "pid": pid, "started": started(pid)}


def is_here(owner: Mapping[str, Any]) -> bool:
    """Whether this process can look after another one."""
    return owner.get("place") == place()


def lives(owner: Mapping[str, Any]) -> bool:
    """Whether a process of this place still runs; its number may have gone to another one since."""
    return started(owner["pid"]) == owner["started"] or _is_hidden(owner["pid"])


def _is_hidden(pid: int) -> bool:
    """Whether a process is another user's, and this system shows nobody those of others."""
    try:
        os.kill(pid, 0)
    except PermissionError:
        return not Path(f"/proc/{pid}").exists()
    except OSError:
        pass
    return False


def started(pid: int) -> int | None:
    """When a process began, in ticks since the boot; None of one that has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = text.rpartition(")")[2].split()  # its name, before that, may hold anything
    return None if state in "ZX" else int(fields[18])
