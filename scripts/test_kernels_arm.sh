#!/usr/bin/env bash
# Cross-compiles the C++ tests of the kernels for AArch64 and runs them in QEMU, on a CPU that has the dot product and on
# one that has not. Without the cross compiler or QEMU it says so, and succeeds.
#
#     scripts/test_kernels_arm.sh [CTEST_OPTIONS]
#
# JOBS   how many compilers at a time, default 2
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

build=build/arm
qemu=(qemu-aarch64-static -L /usr/aarch64-linux-gnu)

for tool in aarch64-linux-gnu-g++ "${qemu[0]}"; do
    if ! command -v "$tool" >/dev/null; then
        echo "skipped: $tool is missing; on Debian or Ubuntu: apt install g++-aarch64-linux-gnu qemu-user-static"
        exit 0
    fi
done

cmake -S kernels -B $build -D CMAKE_SYSTEM_NAME=Linux -D CMAKE_SYSTEM_PROCESSOR=aarch64 \
    -D CMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ -D CMAKE_CROSSCOMPILING_EMULATOR="$(IFS=';' && echo "${qemu[*]}")" \
    -D INC_HF_TORCH=OFF -D INC_HF_TESTS=ON
cmake --build $build --parallel "${JOBS:-2}"

# CPU, INC_HF_ISA, what must come of it. The tests would also pass if nobody noticed that the CPU has the dot product.
expect() {
    echo "== QEMU, $1, INC_HF_ISA=$2: $3"
    QEMU_CPU=$1 "${qemu[@]}" $build/test_isa "$2" | grep -x "$3"
}
expect max "" "chosen: neondot"
expect max scalar "chosen: scalar"
expect cortex-a53 "" "chosen: scalar"
expect cortex-a53 neondot "refused: neondot"

for cpu in max cortex-a53; do
    echo "== QEMU, $cpu"
    QEMU_CPU=$cpu ctest --test-dir $build --output-on-failure "$@"
done
