"""Where this installation came from: the one line that gives it its kernels depends on that."""

import json
import shlex
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).parents[2]
REINSTALL = "-m pip install --force-reinstall --no-deps"


def why_no_library() -> str:
    """Why an installation has no library of kernels."""
    if _is_checkout():
        hidden = _hidden_copy()
        instead = f", which hides the installed copy in {hidden}: work in another directory" if hidden else ""
        return f"they are not compiled in this checkout{instead}"
    return "this installation was made without them, with INC_HF_BUILD=pure"


def _hidden_copy() -> Path | None:
    """Where Python would find an installation with kernels, if it did not look into this checkout before."""
    others = (Path(place) for place in sys.path if place and Path(place).resolve() != ROOT)
    return next((place for place in others if (place / "inc_hf" / "_kernels.so").is_file()), None)


def line_for_kernels() -> str:
    """What to type, once there is a C++17 compiler, so that this installation has its kernels."""
    python = shlex.quote(sys.executable)
    if _is_checkout():
        return f"{shlex.quote(str(ROOT / 'scripts/build_kernels.sh'))} {python}"
    source = _source()
    if source:
        return f"{python} {REINSTALL} {shlex.quote(source)}"
    return f"{python} {REINSTALL} --no-binary inc-hf inc-hf"


def _is_checkout() -> bool:
    return (ROOT / "scripts/build_kernels.sh").is_file() and (ROOT / "kernels/CMakeLists.txt").is_file()


def _source() -> str | None:
    """What pip was given, if not the name: a folder, an archive or a repository; not a wheel, which stays as it is."""
    try:
        recorded = json.loads(distribution("inc-hf").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        return None
    url = recorded.get("url", "")
    if url.endswith(".whl"):
        return None
    vcs = recorded.get("vcs_info", {}).get("vcs")
    return f"{vcs}+{url}" if vcs else url or None
