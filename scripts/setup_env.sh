#!/usr/bin/env bash
# Makes a virtual environment with this package in it, in editable mode, and compiles its C++ kernels if that is possible.
#
#     scripts/setup_env.sh [VENV_DIR] [EXTRAS]      default: .venv of the checkout, test,dev
#
# TORCH_SPEC        which torch, default torch==2.13.0
# TORCH_INDEX_URL   where from, e.g. https://download.pytorch.org/whl/cpu; default: what pip is configured for
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${1:-$root/.venv}
extras=${2:-test,dev}
torch_spec=${TORCH_SPEC:-torch==2.13.0}
torch_index=${TORCH_INDEX_URL:-}
python=$venv/bin/python
stamp=$venv/.inc_hf_setup
oldest_python=$(sed -n 's/^requires-python = ">=\([0-9.]*\)".*/\1/p' "$root/pyproject.toml")
build_backend=$(sed -n 's/^requires = \["\(.*\)"\]/\1/p' "$root/pyproject.toml")
oldest_cmake=$(sed -n 's/^cmake_minimum_required(VERSION \([0-9.]*\)\.\.\..*/\1/p' "$root/kernels/CMakeLists.txt")

# Two at the same time, as `.ci/run` may start them, would install into each other; the second waits here.
exec 9<"$root/pyproject.toml"
if command -v flock >/dev/null; then flock 9; fi

say() { echo "setup: $*"; }
fail() {
    echo "setup: error: $*" >&2
    exit 1
}
is_new_enough() {
    "$1" -c "import sys; sys.exit(sys.version_info < tuple(map(int, '$oldest_python'.split('.'))))"
}
has_new_enough_cmake() {
    local found
    found=$(cmake --version 2>/dev/null | sed -n '1s/^cmake version //p')
    [[ -n $found && $(printf '%s\n' "$oldest_cmake" "$found" | sort -V | head -n 1) == "$oldest_cmake" ]]
}
# Not an error: without them the package computes the same, only slowly.
compile_kernels() {
    "$root/scripts/build_kernels.sh" "$python" >"$venv/kernels.log" 2>&1 ||
        say "note: the C++ kernels could not be compiled, see $venv/kernels.log (or \`make build\`); inc-hf will be slow"
}
pip_install() {
    "$python" -m pip --require-virtualenv install --quiet --quiet --disable-pip-version-check --no-input "$@"
}

# pip itself would only warn, and quietly here.
for extra in ${extras//,/ }; do
    grep -q "^$extra = \[" "$root/pyproject.toml" || fail "pyproject.toml has no extra named '$extra'."
done

# Never touch an interpreter that is not ours: /usr, for one, has a bin/python too.
if [[ -d $venv && ! -f $venv/pyvenv.cfg && -n $(ls -A "$venv") ]]; then
    fail "$venv is neither empty nor a virtual environment; choose another directory."
fi

if ! "$python" -m pip --version >/dev/null 2>&1; then
    command -v python3 >/dev/null || fail "python3 is not installed; Python $oldest_python or newer is needed."
    is_new_enough python3 || fail "$(python3 --version) is too old; Python $oldest_python or newer is needed."
    python3 -c "import ensurepip, venv" 2>/dev/null ||
        fail "python3 has no 'venv' module; on Debian or Ubuntu install it with: apt install python3-venv"
    say "creating the virtual environment $venv"
    python3 -m venv "$venv"
fi
is_new_enough "$python" ||
    fail "$venv has $("$python" --version); Python $oldest_python or newer is needed. Remove $venv and try again."

# The first line of the stamp says for what the environment was made, each line after it one set of extras that it has.
hash=$("$python" -c "import hashlib, sys; print(hashlib.sha256(open(sys.argv[1], 'rb').read()).hexdigest())" \
    "$root/pyproject.toml")
key="$hash $root $torch_spec $torch_index"
if [[ -f $stamp && $(head -n 1 "$stamp") == "$key" ]]; then
    if tail -n +2 "$stamp" | grep -qxF "$extras"; then
        compile_kernels
        say "$venv is up to date ($extras)"
        exit 0
    fi
else
    rm -f "$stamp"
fi

say "installing $torch_spec from ${torch_index:-the sources that pip is configured for} (the longest step)"
pip_install ${torch_index:+--index-url "$torch_index"} "$torch_spec"
cuda=$("$python" -W ignore -c "import torch; print(torch.version.cuda or '')")
if [[ -n $cuda ]]; then
    say "note: this torch was built for CUDA $cuda; it works, but a CPU build is far smaller. To have that one, remove"
    say "note: $venv and set TORCH_INDEX_URL=https://download.pytorch.org/whl/cpu"
fi

# pip looks for what it builds with on the PATH, not beside the interpreter.
PATH=$(cd "$venv/bin" && pwd):$PATH
pip_install "$build_backend"
command -v ninja >/dev/null || pip_install ninja
has_new_enough_cmake || pip_install "cmake>=$oldest_cmake"

say "installing inc-hf in editable mode with the extras $extras, compiling its C++ kernels"
# Pure: without a compiler, the environment is of use all the same; the kernels are compiled into the checkout.
INC_HF_BUILD=pure pip_install --no-build-isolation --editable "$root[$extras]"
compile_kernels

[[ -f $stamp ]] || echo "$key" >"$stamp"
echo "$extras" >>"$stamp"
say "done, $venv is ready"
