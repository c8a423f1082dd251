"""Loads the kernel library, and says which variant of it runs.

`INC_HF_ISA` chooses the variant: `amx`, `avx512vnni`, `avxvnni`, `avx2`, `neondot`, `scalar` (native) or `reference`
(plain torch). Without it, the best that the CPU has.
"""

import functools
import logging
import os
from pathlib import Path

import torch

from inc_hf.errors import UsageError
from inc_hf.ops.installation import line_for_kernels, why_no_library
from inc_hf.ops.numbers import ISAS as NUMBERS
from inc_hf.ops.reference import has_vnni

LIBRARY = Path(__file__).parents[1] / "_kernels.so"
NATIVE_ISAS = ("amx", "avx512vnni", "avxvnni", "avx2", "neondot", "scalar")
ISAS = (*NATIVE_ISAS, "reference")

logger = logging.getLogger(__name__)


@functools.cache
def why_unavailable() -> str | None:
    """None if the native kernels are loaded, otherwise the reason why they are not."""
    if not LIBRARY.is_file():
        return why_no_library()
    try:
        torch.ops.load_library(LIBRARY)
    except OSError as error:
        return f"{LIBRARY.name} cannot be loaded into torch {torch.__version__}: {error}"
    return None


def is_available() -> bool:
    """Whether the native kernels are loaded, whichever variant is in use."""
    return why_unavailable() is None


def supported_isas() -> list[str]:
    """The native variants that this CPU executes, best first; empty without the library."""
    return [isa for isa in NATIVE_ISAS if is_available() and torch.ops.inc_hf.isa_is_supported(NUMBERS[isa])]


def refused_isas() -> list[str]:
    """Native variants that this CPU has, but the operating system does not let this process use: "amx", or none."""
    return [isa for isa in NATIVE_ISAS if is_available() and torch.ops.inc_hf.isa_is_refused(NUMBERS[isa])]


@functools.cache
def isa() -> str:
    """The variant that quantized layers run on: one of `ISAS`. Decided once per process.

    Raises:
        ValueError: `INC_HF_ISA` names a variant that does not exist or cannot run here.
    """
    wanted = os.environ.get("INC_HF_ISA", "")
    if wanted and wanted not in ISAS:
        raise UsageError(f"INC_HF_ISA={wanted!r} is unknown; choose one of {', '.join(ISAS)}.")
    if wanted in NATIVE_ISAS and wanted not in supported_isas():
        refused = "the operating system does not let this process use it"
        reason = why_unavailable() or (refused if wanted in refused_isas() else "this CPU lacks it")
        raise UsageError(f"INC_HF_ISA={wanted} cannot run here: {reason}.")
    if wanted:
        return wanted
    if is_available():
        return supported_isas()[0]
    logger.warning(
        "inc_hf runs quantized layers in plain torch, with the same results, but slower than float: %s. "
        "To have the C++ kernels, install a C++17 compiler (and torch 2.11 or newer), then: %s",
        why_unavailable(),
        line_for_kernels(),
    )
    return "reference"


def default_weight_bits() -> int:
    """8 where the kernels in use have VNNI, otherwise 7.

    Without it, `vpmaddubsw` adds two u8 x s8 products in 16 bits, which is exact up to 255 * 63 * 2.
    """
    return 8 if has_vnni() and isa() != "avx2" else 7


def is_native() -> bool:
    """Whether quantized layers run on the native kernels."""
    return isa() in NATIVE_ISAS


# Tracing takes the answer as it is now. (`torch.compiler.assume_constant_result` would import Dynamo for this mark.)
is_native._dynamo_marked_constant = True
