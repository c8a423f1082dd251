#!/usr/bin/env bash
# Builds the documentation into site/, strictly, in a small environment that has the requirements of the extra `docs` and
# nothing else: the reference is read from the sources, so it takes no torch.
#
#     scripts/build_docs.sh [VENV_DIR]     default: .venv-docs of the checkout
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

venv=${1:-.venv-docs}
mapfile -t requirements < <(sed -n 's/^docs = \[\(.*\)\].*/\1/p' pyproject.toml | grep -o '"[^"]*"' | tr -d '"')
[[ ${#requirements[@]} -gt 0 ]] || {
    echo "build_docs: error: pyproject.toml has no extra 'docs' on one line." >&2
    exit 1
}

stamp=$venv/.requirements
if [[ "$(cat "$stamp" 2>/dev/null)" != "${requirements[*]}" ]]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input "${requirements[@]}"
    echo "${requirements[*]}" >"$stamp"
fi

# Not --quiet, with which mkdocs does not count warnings. The variable: a notice of Material that is not about this site.
NO_MKDOCS_2_WARNING=1 "$venv/bin/mkdocs" build --strict --clean
echo "docs: site/index.html is ready"
