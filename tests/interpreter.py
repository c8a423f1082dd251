"""Code in a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

from tiny import offline_environment


def run_python(code: str, *arguments: str, cwd: Path | None = None) -> str:
    """Standard output of `code` in a fresh interpreter."""
    command = [sys.executable, "-c", code, *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, env=offline_environment(), cwd=cwd)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished.stdout
