#!/usr/bin/env bash
# Runs every fuzzer of the kernels, kernels/tests/fuzz/*.cc, with the address and undefined-behaviour sanitizers.
#
#     scripts/fuzz_kernels.sh [SECONDS]     all together, default 300
#
# CXX   which clang++, default clang++
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

seconds=${1:-300}
export CXX=${CXX:-clang++}
build=build/fuzz

if ! command -v "$CXX" >/dev/null; then
    echo "fuzz: error: $CXX is not installed; on Debian or Ubuntu install it with: apt install clang" >&2
    exit 1
fi

cmake -S kernels -B $build -D CMAKE_BUILD_TYPE=RelWithDebInfo -D INC_HF_TORCH=OFF -D INC_HF_FUZZ=ON
cmake --build $build --parallel

shopt -s nullglob
fuzzers=("$build"/fuzzers/*)
((${#fuzzers[@]})) || { echo "fuzz: there are no fuzzers in kernels/tests/fuzz" && exit 0; }
for fuzzer in "${fuzzers[@]}"; do
    name=$(basename "$fuzzer")
    # Kept, so that the next run goes on from what this one found.
    corpus=$build/corpus/$name
    mkdir -p "$corpus"
    echo "fuzz: $name, $((seconds / ${#fuzzers[@]})) s"
    "$fuzzer" -max_total_time=$((seconds / ${#fuzzers[@]})) -artifact_prefix="$build/$name-" -print_final_stats=1 "$corpus"
done
