"""Whether two checkouts of inc_hf save the same bytes and compute the same bits; what is to be run before code moves.

    scripts/build_kernels.sh PYTHON                          # in either checkout
    python scripts/compare_checkouts.py BEFORE AFTER         # exit code 1 if anything differs
    python scripts/compare_checkouts.py BEFORE AFTER --only bert --output runs/compare

Each checkout runs the cases of `compare/cases.py` in a process of its own, on one thread: quantize, save, load,
optimize and run fifteen architectures; tune, train and prune one of them. Models come from the `tests/tiny.py` beside
this script, for both. All that the cases leave stays under `--output`, in `before/` and `after/`, and is compared file
by file, but for what is never twice the same, `LEFT_OUT`.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file

ROOT = Path(__file__).resolve().parents[1]
LOGITS = "logits.safetensors"
# File name -> keys of that JSON, at any depth, that are not compared.
LEFT_OUT = {
    "history.json": {
        "seconds",
        "baseline",
    },  # the baseline of a trial is new; that of the search is in inc_config.json
    "trainer_state.json": {"train_runtime", "train_samples_per_second", "train_steps_per_second"},
}


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path, help="a checkout with its kernels built")
    parser.add_argument("after", type=Path, help="another")
    parser.add_argument("--only", default="", help="cases whose name begins with this, default: all")
    parser.add_argument("--output", type=Path, default=Path("runs/compare"), help="emptied first")
    return parser.parse_args()


def start_worker(checkout: Path, folder: Path, only: str) -> subprocess.Popen:
    """Run the cases with the `inc_hf` of a checkout, in a new folder; what they print is in a `.log` beside it."""
    checkout = checkout.resolve()
    folder.mkdir(parents=True)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(checkout), str(ROOT / "tests")]),
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TRANSFORMERS_VERBOSITY": "error",
    }
    command = [sys.executable, str(ROOT / "scripts" / "compare" / "cases.py"), str(checkout), "--only", only]
    with log_of(folder).open("w") as log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)


def log_of(folder: Path) -> Path:
    return folder.with_suffix(".log")


def without(value: Any, keys: set[str]) -> Any:
    """JSON without the entries of these keys."""
    if isinstance(value, dict):
        return {key: without(item, keys) for key, item in value.items() if key not in keys}
    return [without(item, keys) for item in value] if isinstance(value, list) else value


def digest(file: Path) -> str:
    data = file.read_bytes()
    if file.name in LEFT_OUT:
        data = json.dumps(without(json.loads(data), LEFT_OUT[file.name])).encode()
    return hashlib.sha256(data).hexdigest()


def digests(case: Path) -> dict[str, str]:
    """Path below the folder of a case -> digest."""
    return {str(file.relative_to(case)): digest(file) for file in sorted(case.rglob("*")) if file.is_file()}


def logits_that_differ(before: Path, after: Path) -> list[str]:
    """`name (by up to …)` of those of a case."""
    old, new = load_file(before / LOGITS), load_file(after / LOGITS)
    names = [name for name in old if name not in new or old[name].tobytes() != new[name].tobytes()]
    return [f"{name} (by up to {np.abs(old[name] - new[name]).max():.1e})" if name in new else name for name in names]


def compare(before: Path, after: Path) -> tuple[bool, str]:
    """Whether a case is equal, and a line about it."""
    if not before.is_dir() or not after.is_dir():
        return False, f"DIFFERENT: only in {(before if before.is_dir() else after).parent.name}"
    old, new = digests(before), digests(after)
    differ = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
    if not differ:
        return True, f"{len(old) - 1} files equal, logits equal"
    parts = ["files " + ", ".join(name for name in differ if name != LOGITS)] if differ != [LOGITS] else []
    if LOGITS in differ:
        parts.append("logits " + ", ".join(logits_that_differ(before, after)))
    return False, f"DIFFERENT: {'; '.join(parts)}"


def main() -> None:
    args = parse_args()
    before, after = (args.output / name for name in ("before", "after"))
    for folder in (before, after):
        shutil.rmtree(folder, ignore_errors=True)
    workers = {before: start_worker(args.before, before, args.only), after: start_worker(args.after, after, args.only)}
    if failed := [folder for folder, worker in workers.items() if worker.wait() != 0]:
        ends = [f"{log_of(folder)} ends with:\n{log_of(folder).read_text()[-2000:]}" for folder in failed]
        sys.exit("\n".join(["Nothing was compared, since not all cases ran.", *ends]))
    cases = sorted({folder.name for side in (before, after) for folder in side.iterdir()})
    equal = 0
    for case in cases:
        same, line = compare(before / case, after / case)
        equal += same
        print(f"{case}: {line}", flush=True)
    print(f"{equal} of {len(cases)} cases equal")
    sys.exit(equal < len(cases) or not cases)


if __name__ == "__main__":
    main()
