"""What a table says about where it was measured, and holding a process to AVX2."""

import datetime
import importlib.metadata
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

import inc_hf

# Every library that FP32 and the INT8 of torch run on has a variable of its own.
AVX2_ONLY = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
    "FBGEMM_ENABLE_INSTRUCTIONS": "AVX2",
    "INC_HF_ISA": "avx2",
}


def run_again_on_avx2() -> None:
    """The libraries read their variables once, when they are loaded: start over, unless they are set."""
    if any(os.environ.get(name) != value for name, value in AVX2_ONLY.items()):
        os.execve(sys.executable, sys.orig_argv, os.environ | AVX2_ONLY)


def write_report(path: Path, text: str, markdown: str) -> None:
    """PATH.json with `text` and PATH.md with `markdown`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".json").write_text(text)
    path.with_suffix(".md").write_text(markdown)
    print(f"{path.with_suffix('.json')} and {path.with_suffix('.md')}")


def describe(
    isas: list[str], peers_isa: str | None, command: list[str], libraries: Sequence[str] = ()
) -> dict[str, str]:
    versions = [f"inc_hf {inc_hf.__version__}", f"torch {torch.__version__}", f"Python {sys.version.split()[0]}"]
    versions += [f"{library} {version_of(library)}" for library in libraries]
    capability = torch.backends.cpu.get_cpu_capability()
    settings = ", ".join(f"{name}={value}" for name, value in AVX2_ONLY.items()) if peers_isa else "none"
    return {
        "cpu": f"{os.cpu_count()} x {torch.cpu.get_capabilities().get('cpu_name', 'unknown')}",
        "isa": f"{' and '.join(isas)} for ours, torch says {capability}",
        "held to an ISA by": settings,
        "load before": f"{os.getloadavg()[0]:.2f} of {os.cpu_count()} CPUs",
        "versions": ", ".join(versions),
        "command": " ".join([*command, *(["--peers-isa", peers_isa] if peers_isa else [])]),
        "date": datetime.date.today().isoformat(),
    }


def version_of(library: str) -> str:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return "missing"
