"""Whether IPEX can be imported here."""

import importlib
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType

TORCH, IPEX = "torch", "intel-extension-for-pytorch"
RELEASE = "2.8"  # the last of IPEX; each release works with the torch of its own number only

HOW_TO = f"""\
IPEX needs an environment of its own, since inc_hf's own kernels need a later torch (`scripts/test_ipex.sh` makes one):
    python -m venv .venv-ipex && .venv-ipex/bin/pip install {TORCH}=={RELEASE}.0 {IPEX}=={RELEASE}.0 transformers
The default, backend="torch", needs none of this."""


def require_ipex() -> ModuleType:
    """The module `intel_extension_for_pytorch`.

    Raises:
        ImportError: it is missing, its version and that of torch are not a pair, or it refuses this CPU.
    """
    installed = {name: _version(name) for name in (TORCH, IPEX)}
    # Before the import: IPEX ends the process when it meets another torch.
    if any(not found.startswith(f"{RELEASE}.") for found in installed.values()):
        here = " and ".join(f"{name} {found}" for name, found in installed.items())
        raise ImportError(
            f"backend='ipex' needs {TORCH} {RELEASE}.x together with {IPEX} {RELEASE}.0; here: {here}.\n{HOW_TO}"
        )
    try:
        return importlib.import_module("intel_extension_for_pytorch")
    except (SystemExit, OSError, ImportError) as error:  # it exits on a CPU without AVX2
        raise ImportError(f"{IPEX} {installed[IPEX]} cannot be loaded here: {error}. Use backend='torch'.") from error


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
