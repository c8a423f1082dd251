#!/usr/bin/env bash
# Runs the tests of the IPEX backend in an environment of its own, and keeps what they said.
#
#     scripts/test_ipex.sh [VENV_DIR]      default: .venv-ipex of the checkout
#
# IPEX ended with 2.8, which works with torch 2.8 only; the rest of this package needs a later torch. The environment
# takes some 7 GB where pip finds a torch for CUDA, 2 GB with one for the CPU. One that has the right versions is used
# as it is. inc_hf is not installed there: it runs from the checkout, on its plain-torch reference.
#
# TORCH_INDEX_URL   where torch comes from, e.g. https://download.pytorch.org/whl/cpu; default: what pip is configured for
# LOG               default: benchmarks/ipex_tests.log
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=${1:-$root/.venv-ipex}
python=$venv/bin/python
log=${LOG:-$root/benchmarks/ipex_tests.log}
torch_index=${TORCH_INDEX_URL:-}
# The dependencies of inc_hf, but for its torch, and what the tests import.
others=("transformers>=5.20,<6" safetensors huggingface_hub numpy rich tqdm "pytest>=8")

say() { echo "ipex: $*"; }
fail() {
    echo "ipex: error: $*" >&2
    exit 1
}
has_versions() {
    "$python" - <<'EOF' 2>/dev/null
import importlib.metadata as m
for name, version in {"torch": "2.8.0", "intel-extension-for-pytorch": "2.8.0"}.items():
    assert m.version(name).split("+")[0] == version
for name in ("transformers", "safetensors", "huggingface_hub", "numpy", "rich", "tqdm", "pytest"):
    m.version(name)
EOF
}
pip_install() {
    "$python" -m pip --require-virtualenv install --quiet --disable-pip-version-check --no-input "$@"
}
# The log is committed: nothing of this machine.
without_paths() {
    sed -u -E -e "s#$root/?##g" -e "s#(/[A-Za-z0-9_.+-]+)+/site-packages/##g" -e "s#$HOME#~#g" \
        -e "s#https?://[^ ]*##g" -e "s#^(rootdir: ).*#\1.#" \
        -e "s# -- /.*##" -e "/^-- Docs/d" -e "s# \(Triggered internally.*##"
}

# Never touch an interpreter that is not ours: /usr, for one, has a bin/python too.
if [[ -d $venv && ! -f $venv/pyvenv.cfg && -n $(ls -A "$venv") ]]; then
    fail "$venv is neither empty nor a virtual environment; choose another directory."
fi
if ! has_versions; then
    if [[ ! -x $python ]]; then
        say "creating the virtual environment $venv"
        python3 -m venv "$venv"
    fi
    say "installing torch 2.8.0 and IPEX 2.8.0, several GB (the longest step)"
    pip_install ${torch_index:+--index-url "$torch_index"} "torch==2.8.0"
    pip_install "torch==2.8.0" "intel-extension-for-pytorch==2.8.0" "${others[@]}"
fi
has_versions || fail "$venv does not have torch 2.8.0 and IPEX 2.8.0; remove it and try again."

cd "$root"
# Any kernels in the checkout were built for a later torch.
{
    echo "# scripts/test_ipex.sh, $(date -u +%Y-%m-%d)"
    PYTHONPATH=$root INC_HF_ISA=reference "$python" - <<'EOF'
import importlib.metadata as m, platform
names = ("torch", "intel-extension-for-pytorch", "transformers", "pytest")
versions = [f"{name} {m.version(name)}" for name in names]
print(f"# {platform.machine()}", f"Python {platform.python_version()}", *versions, sep=", ")
EOF
    PYTHONPATH=$root INC_HF_ISA=reference "$python" -m pytest tests/backends/test_ipex.py tests/backends/ipex -v -p no:cacheprovider 2>&1
} | without_paths | tee "$log"
