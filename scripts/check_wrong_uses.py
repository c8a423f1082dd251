"""Tries hundreds of wrong command lines of `inc-hf`: each is to end with code 2 and one line that says what to do.

    python scripts/check_wrong_uses.py [--only TEXT] [--output FILE]

They come from the parsers themselves (every option, every kind of value that does not fit) and from a list of wrong
combinations, scripts/wrong_uses/uses.py. A table with the line of each goes to benchmarks/wrong_uses.md. What some
versions of a library let pass, such as `--samples 1.5`, is not wrong for ever: the table is there to be read.
"""

import argparse
import contextlib
import importlib
import os
import pkgutil
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything reads it

from wrong_uses.folder import fill
from wrong_uses.uses import wrong_uses

import inc_hf
from inc_hf.commands.main import main as run_command

ROOT = Path(__file__).parents[1]
PREFIX = "inc-hf: error: "
BAR = re.compile(r"\d%\||\d+ examples \[")
LONGEST = 20.0  # seconds


@dataclass
class Outcome:
    """What became of one command line."""

    arguments: list[str]
    code: int
    lines: list[str]  # of stderr
    seconds: float

    @property
    def said(self) -> str:
        """The line that counts."""
        errors = [line for line in self.lines if "error: " in line]
        return errors[-1].partition("error: ")[2] if errors else (self.lines[-1] if self.lines else "")

    @property
    def fault(self) -> str:
        """Why it is not as it should be; empty if it is."""
        if self.code == 0:
            return "done, as if it were right"
        if any("Traceback" in line for line in self.lines):
            return "a traceback"
        if self.code != 2:
            return f"exit code {self.code}"
        if any("Loading weights" in line for line in self.lines):
            return "after a model was loaded"
        if more := [line for line in self.lines if "error: " not in line and not BAR.search(line)]:
            return f"{len(more)} more lines"
        if sum("error: " in line for line in self.lines) != 1:
            return "not one line"
        return "" if self.seconds < LONGEST else f"after {self.seconds:.0f} s"


def import_all() -> None:
    """What the children would import, each anew, and perhaps of another version."""
    for module in pkgutil.walk_packages(inc_hf.__path__, "inc_hf."):
        with contextlib.suppress(ImportError):  # of what is not installed
            importlib.import_module(module.name)


def run(arguments: list[str], pristine: Path) -> Outcome:
    """In a child of this process, where everything is imported, and in a copy of a folder, which it may change."""
    begin = time.monotonic()
    with tempfile.TemporaryFile() as stderr, tempfile.TemporaryDirectory() as folder:
        shutil.copytree(pristine, folder, dirs_exist_ok=True)
        child = os.fork()
        if child == 0:
            os.setsid()
            os.chdir(folder)
            os.dup2(stderr.fileno(), 2)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            os._exit(_code(arguments))
        code = _wait(child)
        stderr.seek(0)
        lines = stderr.read().decode(errors="replace").replace("\r", "\n").splitlines()
    return Outcome(arguments, code, [line for line in lines if line.strip()], time.monotonic() - begin)


def _wait(child: int) -> int:
    """The exit code of a child, which is killed, with its children, if it works for too long."""
    begin = time.monotonic()
    while time.monotonic() - begin < 2 * LONGEST:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _code(arguments: list[str]) -> int:
    import traceback

    try:
        code = run_command(arguments) or 0
    except SystemExit as exit:
        code = exit.code if isinstance(exit.code, int) else 1
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    return code


def in_markdown(outcomes: list[Outcome]) -> str:
    faults = sum(bool(outcome.fault) for outcome in outcomes)
    rows = [
        f"| `inc-hf {shlex.join(o.arguments)}` | {o.said.replace('|', chr(92) + '|')} | {o.fault} |" for o in outcomes
    ]
    head = [
        "# Wrong command lines, and what is said",
        "",
        f"`python scripts/check_wrong_uses.py`: {len(outcomes)} command lines, {faults} not refused with code 2",
        "and one line. `model` is a tiny text classifier, `int8` a quantized one; other names say what is wrong.",
        "",
        "| command line | what is said | fault |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *rows]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only command lines with this text in them")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/wrong_uses.md")
    args = parser.parse_args()
    args.output = args.output.absolute()
    import_all()
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder))
        outcomes = []
        for arguments in wrong_uses():
            if args.only in shlex.join(arguments):
                outcomes.append(run(arguments, Path(folder)))
                print(
                    f"{outcomes[-1].fault or 'right':28}",
                    shlex.join(arguments),
                    "\n    ",
                    outcomes[-1].said[:300],
                    flush=True,
                )
    if not args.only:
        args.output.write_text(in_markdown(outcomes))


if __name__ == "__main__":
    main()
