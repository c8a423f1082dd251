#!/usr/bin/env bash
# Runs the quick tests with each Python that runs here, python3.10 to python3.14, each in an environment of its own.
#
#     scripts/test_pythons.sh [ARG...]     ARG goes to pytest
#     PYENV_VERSION=3.10.13:3.12.1 scripts/test_pythons.sh     with versions of pyenv, which are found only if they are active
#
# Says at the end which passed, failed or were not found, and which of them pyproject.toml declares. Fails if one failed,
# or if none was found.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

summary=""
found=0
status=0
note() { summary+="python3.$1: $2"$'\n'; }
declared() { grep -q "\"Programming Language :: Python :: 3.$1\"" pyproject.toml && echo ", declared" || echo ", not declared"; }

# A virtual environment of that Python goes into .venv-3.N, so that a second run is quick.
run() {
    local python=$1 venv=$2
    shift 2
    [[ -x $venv/bin/python ]] || "$python" -m venv "$venv" || return
    scripts/setup_env.sh "$venv" test,dev || return
    "$venv/bin/python" -m pytest -q -n 2 --dist worksteal tests "$@"
}

for minor in 10 11 12 13 14; do
    python=python3.$minor
    # A shim of pyenv is there, but does not run, while its version is not active.
    if ! "$python" -c "" 2>/dev/null; then
        note $minor "not found$(declared $minor)"
        continue
    fi
    found=1
    if run "$python" ".venv-3.$minor" "$@"; then
        note $minor "passed$(declared $minor)"
    else
        note $minor "FAILED$(declared $minor)"
        status=1
    fi
done

printf '\n%s' "$summary"
if [[ $found == 0 ]]; then
    echo "test_pythons: error: none of python3.10 to python3.14 is installed." >&2
    exit 1
fi
exit $status
