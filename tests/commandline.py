"""What tests of the commands ask of them, as programs and in this process."""

import json
import random
import subprocess
import sys
from pathlib import Path

from tiny import WORDS, offline_environment

TEXTS = [" ".join(random.Random(seed).choices(WORDS, k=6)) for seed in range(24)]


def run(*arguments: object, program: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    """A program in a fresh interpreter."""
    command = [sys.executable, *program, *map(str, arguments)]
    # As a user has it: no verbosity set, wide enough for the tables
    return subprocess.run(command, capture_output=True, text=True, env=offline_environment(COLUMNS="120"))


def error_line(stderr: str) -> str:
    """The only error on stderr, without its prefix."""
    assert "Traceback" not in stderr
    lines = [line for line in stderr.splitlines() if line.startswith("inc-hf: error: ")]
    assert len(lines) == 1, stderr
    assert stderr.rstrip().endswith(lines[0]), "nothing comes after it"
    return lines[0].removeprefix("inc-hf: error: ")


def config_json(directory: Path) -> dict:
    return json.loads((directory / "config.json").read_text())
