"""Migrate the scripts of tests/migrate/scripts by `inc-hf migrate` and run them: benchmarks/migrate.md.

    python scripts/check_migrate.py [--only NAME]

Each runs in a process of its own, in a copy of their folder. With --only the table is only printed.
"""

import argparse
import contextlib
import importlib
import json
import os
import platform
import runpy
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
import transformers

from inc_hf.migrate.script.files import migrate, write

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "tests/migrate/scripts"
TABLE = ROOT / "benchmarks/migrate.md"
HELPERS = ("tiny_task.py",)
UNCHANGED, MARKED, FAILED = "runs", "runs, with marked places", "does not run"


@dataclass
class Outcome:
    name: str
    what: str
    changes: int
    marks: list[str]
    verdict: str
    error: str = ""


def names() -> list[str]:
    """Of all scripts and notebooks, relative to their folder."""
    found = [path for suffix in ("*.py", "*.ipynb") for path in SCRIPTS.rglob(suffix)]
    return sorted(path.relative_to(SCRIPTS).as_posix() for path in found if path.name not in HELPERS)


@contextlib.contextmanager
def migrated_copy(name: str) -> Iterator[tuple[Path, int, list[str]]]:
    """The migrated script in a copy of all, how many places changed, and what its marks say."""
    with tempfile.TemporaryDirectory(prefix="inc_hf_migrate_") as folder:
        copy = Path(shutil.copytree(SCRIPTS, Path(folder) / "scripts"))
        (result,) = migrate(copy / name)
        write([result])
        yield copy / name, sum(result.changes.values()), [mark.to_do for mark in result.marks]


def as_script(path: Path) -> Path:
    """A notebook as a script, without its magics."""
    if path.suffix != ".ipynb":
        return path
    cells = [cell["source"] for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    lines = [line for cell in cells if not "".join(cell).startswith("%%bash") for line in "".join(cell).split("\n")]
    script = path.with_suffix(".nb.py")
    script.write_text("\n".join(line for line in lines if not line.startswith(("%", "!"))) + "\n")
    return script


def try_script(name: str) -> Outcome:
    what = first_words(SCRIPTS / name)
    with migrated_copy(name) as (path, changes, marks):
        error = error_of(as_script(path), path.parents[name.count("/")])
    verdict = FAILED if error else MARKED if marks else UNCHANGED
    return Outcome(name, what, changes, marks, verdict, error)


def error_of(script: Path, helpers: Path) -> str:
    """Run a script as `python SCRIPT` would, but in a fork that has imported torch; its last line if it fails."""
    log = script.with_suffix(".log")
    child = os.fork()
    if child == 0:
        with log.open("w") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            os._exit(_run(script, helpers))
    _, status = os.waitpid(child, 0)
    return log.read_text(errors="replace").strip().splitlines()[-1][:160] if status else ""


def _run(script: Path, helpers: Path) -> int:
    os.chdir(script.parent)
    sys.path[:0] = [str(helpers)]
    sys.argv = [script.name]
    try:
        runpy.run_path(script.name, run_name="__main__")
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def first_words(path: Path) -> str:
    """The first line of a docstring, or the first of a notebook's text."""
    if path.suffix == ".ipynb":
        return "a notebook"
    return path.read_text(encoding="utf-8").split('"""')[1].strip().split("\n")[0].rstrip(".")


def table(outcomes: list[Outcome]) -> str:
    counts = {verdict: sum(each.verdict == verdict for each in outcomes) for verdict in (UNCHANGED, MARKED, FAILED)}
    machine = f"{platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}"
    lines = [
        "# Scripts of INC and optimum-intel, migrated and run",
        "",
        f"`python scripts/check_migrate.py`: {machine}, transformers {transformers.__version__}, {date.today()}.",
        "",
        "The scripts of [tests/migrate/scripts](../tests/migrate/scripts) are ours, in the style of examples of",
        "INC 1.X, 2.X and optimum-intel, with tiny models. `inc-hf migrate --in-place` rewrote each of them.",
        "",
        f"Of {len(outcomes)} scripts {counts[UNCHANGED]} run without another edit, {counts[MARKED]} run and have",
        f"marked places to look at, and {counts[FAILED]} do not run.",
        "",
        "| script | what it is | places changed | marks | outcome |",
        "|---|---|---|---|---|",
    ]
    for each in outcomes:
        error = f": {each.error}".replace("|", "/") if each.error else ""
        lines.append(f"| {each.name} | {each.what} | {each.changes} | {len(each.marks)} | {each.verdict}{error} |")
    lines += ["", "What the marks say:", ""]
    lines += [f"- {each.name}: {mark}" for each in outcomes for mark in each.marks]
    return "\n".join(lines) + "\n"


def warm_up() -> None:
    """Import what all of them import, before there are forks."""
    for module in ("quantization", "training", "mix_precision", "benchmark", "quantizer", "experimental", "callbacks"):
        importlib.import_module(f"inc_hf.{module}")
    for name in ("Trainer", "Seq2SeqTrainer", "BertModel", "T5Model", "ViTModel"):
        getattr(transformers, name)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="scripts whose name has this in it")
    args = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)  # threads do not survive a fork
    warm_up()
    outcomes = []
    for name in names():
        if args.only and args.only not in name:
            continue
        start = time.perf_counter()
        outcomes.append(try_script(name))
        last = outcomes[-1]
        took = time.perf_counter() - start
        print(f"{name}: {last.verdict} {last.error} ({took:.0f} s)", file=sys.stderr, flush=True)
    text = table(outcomes)
    if args.only:
        print(text)
    else:
        TABLE.write_text(text)


if __name__ == "__main__":
    main()
