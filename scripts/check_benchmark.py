"""What `inc_hf.benchmark` measures of itself: the noise between equal models, and two instances beside one.

inc-hf quantize runs/minilm-sst2 -o runs/minilm-int8
python scripts/check_benchmark.py --model runs/minilm-int8 --baseline runs/minilm-sst2   # benchmarks/benchmark.*
"""

import argparse
import json
from pathlib import Path

from bench.machine import describe, write_report
from bench.report import table

from inc_hf import ops
from inc_hf.benchmark import fit
from inc_hf.config import BenchmarkConfig

SHAPES = ((1, 128), (8, 128))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="runs/minilm-int8")
    parser.add_argument("--baseline", default="runs/minilm-sst2")
    parser.add_argument("--seconds", type=float, default=10, help="per model, default: 10")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/benchmark"))
    args = parser.parse_args()
    about = describe([ops.isa()], None, ["python", "scripts/check_benchmark.py"])
    results = []
    for batch, length in SHAPES:
        for count in (1, 2):
            conf = BenchmarkConfig(num_of_instance=count, cores_per_instance=1)
            found = fit(
                args.model,
                conf,
                baseline=args.baseline,
                seconds=args.seconds,
                batch_size=batch,
                sequence_length=length,
                progress=False,
            )
            results.append({"batch": batch, "length": length, "instances": count, **found.to_dict()})
            print(found, f"noise {found.noise:.1%}", flush=True)
    report = {"about": about, "results": results}
    write_report(args.output, json.dumps(report, indent=1) + "\n", render(report))


def render(report: dict) -> str:
    lines = ["# What inc_hf.benchmark measures of itself", ""]
    lines += [f"- {key}: {value}" for key, value in report["about"].items()]
    lines += [
        "",
        "Noise: by how much FP32 differs from itself, in other processes of the same run. More: the throughput of",
        "two instances of one core each, in the time in which both ran, divided by that of one. They were measured",
        "minutes apart, in which this machine changes by more than it does from turn to turn: so above 2, too.",
    ]
    alone, rows = {}, []
    for result in report["results"]:
        for measurement in result["measurements"]:
            key = (result["batch"], measurement["name"])
            alone.setdefault(key, measurement["throughput"])
            rows.append(
                [
                    f"{result['batch']} x {result['length']}",
                    measurement["name"],
                    str(result["instances"]),
                    f"{measurement['latency']['p50']:.2f} ms",
                    f"{measurement['throughput']:.1f}",
                    f"{measurement['throughput'] / alone[key]:.2f}×",
                    f"{measurement['speedup']:.2f}×",
                    f"{result['noise']:.1%}",
                ]
            )
    header = ["batch x tokens", "model", "instances", "p50", "samples/s", "more", "speed-up", "noise"]
    return "\n".join(lines + table(header, rows)).rstrip() + "\n"


if __name__ == "__main__":
    main()
