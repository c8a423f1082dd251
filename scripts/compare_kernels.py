"""Time of sparse INT8 layers on one token in two builds of the kernels, which take turns in processes of their own.

    python scripts/compare_kernels.py BEFORE/inc_hf/_kernels.so AFTER/inc_hf/_kernels.so --output benchmarks/NAME.md

BEFORE and AFTER are two checkouts, built by scripts/build_kernels.sh. Run it on a machine that does nothing else.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from bench.machine import describe

from inc_hf import ops

WORKER = Path(__file__).parent / "bench" / "sparse_worker.py"
LEGEND = """\
`q8_linear_packed` on one thread: the median over the rounds, in each of which both builds measure everything once, of
the median of the calls. Warm: always the same weight. Otherwise copies of it take turns, so that no call finds its
weight in the first caches, as in a model."""


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", type=Path, default=Path("runs/compare_kernels.md"))
    return parser.parse_args()


def microseconds(library: Path) -> dict[str, float]:
    command = [sys.executable, str(WORKER), str(library.resolve())]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def take_turns(before: Path, after: Path, rounds: int) -> list[tuple[dict[str, float], dict[str, float]]]:
    """What both builds took in each round; the first of a round is the second of the next."""
    found = []
    for i in range(rounds):
        print(f"round {i + 1} of {rounds}", flush=True)
        results = {library: microseconds(library) for library in ((before, after) if i % 2 else (after, before))}
        found.append((results[before], results[after]))
    return found


def table(rounds: list[tuple[dict[str, float], dict[str, float]]]) -> list[str]:
    lines = [
        "| layer | before, us | after, us | gain | middle half of the rounds |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name in rounds[0][0]:
        before = statistics.median(a[name] for a, _ in rounds)
        after = statistics.median(b[name] for _, b in rounds)
        low, _, high = statistics.quantiles((100 * (1 - b[name] / a[name]) for a, b in rounds), method="inclusive")
        gain = 100 * (1 - after / before)
        lines.append(f"| {name} | {before:.1f} | {after:.1f} | {gain:.0f}% | {low:.0f}% to {high:.0f}% |")
    return lines


def main() -> None:
    args = parse_args()
    command = (
        f"python scripts/compare_kernels.py BEFORE/inc_hf/_kernels.so AFTER/inc_hf/_kernels.so --rounds {args.rounds}"
    )
    about = describe([ops.isa()], None, [command])
    rounds = take_turns(args.before, args.after, args.rounds)
    lines = ["# Sparse layers on one token, before and after a change of the kernels", "", LEGEND, ""]
    lines += [*(f"- {key}: {value}" for key, value in about.items()), "", *table(rounds)]
    args.output.parent.mkdir(parents=True, exist_ok=True)
    args.output.write_text("\n".join(lines) + "\n")
    print(args.output)


if __name__ == "__main__":
    main()
