#!/usr/bin/env bash
# Prints how fast every micro-kernel is, in Markdown: a row for each line of each kernels/core/*/ukernels.inc. Run it on a
# machine that does nothing else.
#
#     scripts/bench_ukernels.sh [SECONDS] >benchmarks/ukernels.md     for each row, default 0.2
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build/bench
{
    cmake -S kernels -B $build -D INC_HF_TORCH=OFF -D INC_HF_TESTS=ON
    cmake --build $build --target bench_ukernels
} >&2

cat <<END
# Micro-kernels

On one thread and on data that stay in the first caches: the fastest of many times 100 calls. Whole layers are in
\`kernels.md\`.

- cpu: $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)
- compiler: $("${CXX:-c++}" --version | head -n 1)
- command: scripts/bench_ukernels.sh${*:+ $*}
- date: $(date +%F)

END
$build/bench_ukernels "$@"
