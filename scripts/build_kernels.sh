#!/usr/bin/env bash
# Compiles the C++ kernels into the checkout, as inc_hf/_kernels.so; quick if nothing has changed.
#
#     scripts/build_kernels.sh [PYTHON]     default: python3; CMake and Ninja may lie beside it
set -euo pipefail

python=$(command -v "${1:-python3}")
bin=$(cd "$(dirname "$python")" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/../kernels/inplace"

# Tools that were installed with pip lie beside the interpreter.
PATH=$bin:$PATH
if command -v ninja >/dev/null; then export CMAKE_GENERATOR=Ninja; fi

# An old library would be taken for that of the sources as they are now.
trap 'rm -f ../../inc_hf/_kernels.so' ERR

configure() { cmake -S . -B .; }
# The cache remembers tools that may have gone since, or had not come yet.
if ! configure >configure.log 2>&1; then
    rm -rf CMakeCache.txt CMakeFiles
    configure
fi
cmake --build .
