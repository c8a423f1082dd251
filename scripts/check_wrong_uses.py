"""Tries hundreds of wrong command lines of `inc-hf`, and wrong arguments of all public functions.

    python scripts/check_wrong_uses.py [--only TEXT] [--output FILE]

A command line is to end with code 2 and one line that says what to do, before a model is loaded; a function with an
error that says what came and what fits. They come from the parsers and signatures themselves (every option and every
argument with every kind of value that does not fit) and from a list of wrong combinations, in scripts/wrong_uses/.
Two tables with all that is said go to benchmarks/wrong_uses.md, which is there to be read.
"""

import argparse
import datetime
import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before anything reads it

import torch
from wrong_uses.calls import called, wrong_calls
from wrong_uses.folder import fill
from wrong_uses.outcome import CallOutcome, LineOutcome, Outcome
from wrong_uses.process import import_all, in_child
from wrong_uses.uses import wrong_uses

from inc_hf.commands.main import main as inc_hf
from inc_hf.version import versions

ROOT = Path(__file__).parents[1]
LINES = """\
## Command lines

{count} command lines, {faults} of them not refused with code 2 and one line before a model is loaded. `model` is a
tiny text classifier, `int8` a quantized one; other names say what is wrong.
"""
CALLS = """\
## Functions

{count} calls, {faults} of them ended in an error that is not about what came. One argument is wrong, the others are
right; what is accepted has a meaning, such as None for a default.
"""


def try_line(arguments: list[str], folder: Path) -> Outcome:
    return LineOutcome(f"inc-hf {shlex.join(arguments)}", *in_child(lambda: inc_hf(arguments), folder))


def try_call(name: str, argument: str, value: str, folder: Path) -> Outcome:
    use = f"{name}: {argument} = {value}" if argument else f"{name}: {value}"
    return CallOutcome(use, *in_child(lambda: _call(name, argument, value), folder))


def _call(name: str, argument: str, value: str) -> int:
    try:
        called(name, argument, value)
    except BaseException as error:
        print(f"error: {type(error).__name__}: {' '.join(str(error).split())}", file=sys.stderr)
        return 2 if is_about_use(error) else 1
    return 0


def is_about_use(error: BaseException) -> bool:
    """Whether it says what the user did: one of ours, of the system, of what is not installed, or of Python itself for
    an argument that is missing."""
    from inc_hf.errors import UsageError

    is_missing = isinstance(error, TypeError) and "required" in str(error) and "argument" in str(error)
    return isinstance(error, UsageError | OSError | ImportError) or is_missing


def in_markdown(outcomes: list[Outcome], text: str) -> str:
    faults = sum(bool(outcome.fault) for outcome in outcomes)
    rows = [f"| `{_cell(o.use)}` | {_cell(o.said)} | {o.fault} |" for o in outcomes]
    head = [text.format(count=len(outcomes), faults=faults), "| use | what is said | fault |", "|---|---|---|"]
    return "\n".join([*head, *rows]) + "\n"


def _cell(text: str) -> str:
    """Without the places of this machine."""
    return re.sub(rf"{ROOT}|/tmp/tmp\w+", "…", text).replace("|", "\\|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only uses with this in them; inc-hf or call is at their head")
    parser.add_argument("--output", type=Path, help="default: benchmarks/wrong_uses.md, nothing with --only")
    args = parser.parse_args()
    output = args.output or (None if args.only else ROOT / "benchmarks/wrong_uses.md")
    import_all()
    with tempfile.TemporaryDirectory() as folder:
        fill(Path(folder))
        os.chdir(folder)
        lines = [line for line in wrong_uses() if args.only in f"inc-hf {shlex.join(line)}"]
        calls = [call for call in wrong_calls() if args.only in f"call {': '.join(call)}"]
        of_lines = [_told(try_line(line, Path(folder))) for line in lines]
        of_calls = [_told(try_call(*call, Path(folder))) for call in calls]
        os.chdir(ROOT)
    if output is not None:
        head = f"# Wrong uses, and what is said\n\n`python scripts/check_wrong_uses.py`. {_machine()}\n"
        output.write_text("\n".join([head, in_markdown(of_lines, LINES), in_markdown(of_calls, CALLS)]))


def _machine() -> str:
    cpu = torch.cpu.get_capabilities().get("cpu_name", "unknown")
    found = ", ".join(f"{name} {version}" for name, version in versions().items())
    return f"{datetime.date.today().isoformat()}, {os.cpu_count()} x {cpu}, {found}."


def _told(outcome: Outcome) -> Outcome:
    print(f"{outcome.fault or 'right':28} {outcome.use}\n     {outcome.said[:300]}", flush=True)
    return outcome


if __name__ == "__main__":
    main()
