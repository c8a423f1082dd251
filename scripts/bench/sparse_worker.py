"""One build of the kernels, measured in a process of its own by compare_kernels.py: prints JSON.

python scripts/bench/sparse_worker.py LIBRARY
"""

import itertools
import json
import statistics
import sys
import time
from pathlib import Path

import torch
from torch import Tensor
from zeros import zero_blocks

SHAPES = ((384, 384), (384, 1536), (768, 3072))  # in_features, out_features
ZEROS = (80, 90)
CALLS = 400
COLD_BYTES = 64 << 20
# Of inc_hf.ops.numbers, whose import would load another library than the one that is measured.
IN_USE, SPARSE, NO_ACTIVATION = -1, 2, 0


def median_us(weights: list[Tensor], x: Tensor, out_features: int) -> float:
    """Of calls on one weight after the other."""
    op, times = torch.ops.inc_hf.q8_linear_packed.default, []
    for weight in itertools.islice(itertools.cycle(weights), CALLS):
        start = time.perf_counter_ns()
        op(x, weight, None, None, 8, True, out_features, NO_ACTIVATION, None)
        times.append((time.perf_counter_ns() - start) / 1e3)
    return statistics.median(times[CALLS // 10 :])


def measure() -> dict[str, float]:
    found = {}
    for (k, n), zeros in itertools.product(SHAPES, ZEROS):
        codes = zero_blocks(torch.randint(-63, 64, (n, k), dtype=torch.int8), zeros)
        packed = torch.ops.inc_hf.q8_pack.default(codes, torch.full((n,), 0.01), torch.zeros(n), IN_USE, SPARSE)
        copies = [packed.clone() for _ in range(min(CALLS, COLD_BYTES // packed.numel()))]
        x, name = torch.randn(1, k), f"1 x ({k}, {n}), {zeros}% zeros"
        found |= {f"{name}, warm": median_us([packed], x, n), name: median_us(copies, x, n)}
    return found


@torch.inference_mode()
def main() -> None:
    torch.ops.load_library(Path(sys.argv[1]))
    torch.set_num_threads(1)
    torch.manual_seed(0)
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
