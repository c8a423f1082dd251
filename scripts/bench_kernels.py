"""Time of one Linear layer: our INT8 and bfloat16 kernels, torch's INT8 and FP32, taking turns in one process.

    python scripts/bench_kernels.py                    # benchmarks/kernels.{json,md}, about ten minutes
    python scripts/bench_kernels.py --peers-isa avx2   # benchmarks/kernels_avx2.{json,md}, as on a CPU without AVX512
    python scripts/bench_kernels.py --quick --output runs/bench
    python scripts/bench_kernels.py --render benchmarks/kernels.json

Run it on a machine that does nothing else.
"""

import argparse
import json
import warnings
from pathlib import Path

import torch
from bench.candidates import Layer, candidates
from bench.machine import describe, run_again_on_avx2, write_report
from bench.measure import fp32_limits, instruction_limits, summary, take_turns
from bench.others import measure_elementwise, measure_packing
from bench.parts import measure_parts
from bench.report import render

from inc_hf import ops

ROWS = (1, 8, 128, 1024)
FEW_ROWS = 8
SHAPES = ((384, 384), (384, 1536), (1536, 384), (768, 768), (768, 3072), (3072, 768))


def shape_of(text: str) -> tuple[int, int]:
    in_features, out_features = text.split("x")
    return int(in_features), int(out_features)


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--isa", nargs="+", choices=ops.supported_isas(), help="default: the one in use, and avx2")
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rows", nargs="+", type=int, help=f"M, default: {' '.join(map(str, ROWS))}")
    parser.add_argument("--shapes", nargs="+", type=shape_of, help="KxN, such as 384x1536")
    parser.add_argument("--seconds", type=float, help="per shape and number of threads, default: 12")
    parser.add_argument("--quick", action="store_true", help="0.3 seconds, two shapes, 1 and 128 rows")
    parser.add_argument("--peers-isa", choices=["avx2"], help="hold everything in the process to this ISA")
    parser.add_argument("--output", type=Path, default=Path("benchmarks"))
    parser.add_argument("--render", type=Path, metavar="FILE.json", help="only write FILE.md again")
    args = parser.parse_args()
    if not ops.is_available():
        parser.error(f"there are no kernels to measure: {ops.why_unavailable()}")
    args.isa = args.isa or default_isas()
    args.rows = args.rows or (ROWS[::2] if args.quick else ROWS)
    args.shapes = args.shapes or (SHAPES[:2] if args.quick else SHAPES)
    args.seconds = args.seconds or (0.3 if args.quick else 12)
    return args


def default_isas() -> list[str]:
    in_use = ops.isa() if ops.is_native() else ops.supported_isas()[0]
    return [in_use, *(isa for isa in ops.supported_isas() if isa == "avx2" != in_use)]


def measure(args: argparse.Namespace) -> dict:
    about = describe(args.isa, args.peers_isa, command_of(args))
    limits = {isa: instruction_limits(isa, args.threads) for isa in args.isa}
    linear = []
    for rows, (in_features, out_features) in [(rows, shape) for rows in args.rows for shape in args.shapes]:
        print(f"{rows} x ({in_features}, {out_features})", flush=True)
        linear += measure_linear(rows, in_features, out_features, args)
    return {
        "about": about,
        "limits": limits,
        "fp32_limit": fp32_limits(args.threads),
        "linear": sorted(linear, key=lambda entry: entry["threads"]),
        "elementwise": measure_elementwise(args.threads, args.seconds / 10),
        "packing": measure_packing(args.isa),
        "parts": measure_parts(args.isa, limits, args.seconds / 10),
    }


def measure_linear(rows: int, in_features: int, out_features: int, args: argparse.Namespace) -> list[dict]:
    """One entry per number of threads, twice if the weights are most of the work: with warm caches too."""
    found = candidates(Layer.random(rows, in_features, out_features), args.isa)
    calls = {candidate.name: candidate.run for candidate in found}
    error = {candidate.name: round(candidate.error, 6) for candidate in found}
    entries = []
    for threads, warm in [(t, w) for w in ([False, True] if rows <= FEW_ROWS else [False]) for t in args.threads]:
        torch.set_num_threads(threads)
        times = take_turns(calls, args.seconds, warm)
        entry = {"rows": rows, "in": in_features, "out": out_features, "threads": threads, "warm": warm}
        us = {name: summary(t) for name, t in times.items()}
        entries.append({**entry, "rounds": len(times[found[0].name]), "us": us, "error": error})
    return entries


def command_of(args: argparse.Namespace) -> list[str]:
    command = ["python scripts/bench_kernels.py", "--isa", *args.isa, "--threads", *map(str, args.threads)]
    command += ["--rows", *map(str, args.rows), "--shapes", *(f"{k}x{n}" for k, n in args.shapes)]
    return [*command, "--seconds", f"{args.seconds:g}"]


def to_json(report: dict) -> str:
    """JSON with a line for each entry of a list, where `indent` would make twenty thousand."""
    parts = []
    for key, value in report.items():
        lines = ",\n".join(json.dumps(item) for item in value) if isinstance(value, list) else None
        parts.append(f"{json.dumps(key)}: " + (json.dumps(value, indent=1) if lines is None else f"[\n{lines}\n]"))
    return "{\n" + ",\n".join(parts) + "\n}\n"


@torch.inference_mode()
def main() -> None:
    args = parse_args()
    if args.render:
        args.render.with_suffix(".md").write_text(render(json.loads(args.render.read_text())))
        return
    if args.peers_isa:
        run_again_on_avx2()
    warnings.filterwarnings("ignore", message=".*quantized tensor creation functions.*are deprecated.*")
    torch.manual_seed(0)
    report = measure(args)
    name = f"kernels{'_' + args.peers_isa if args.peers_isa else ''}"
    write_report(args.output / name, to_json(report), render(report))


if __name__ == "__main__":
    main()
