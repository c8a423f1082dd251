"""Says which of INC's public names for PyTorch are missing here.

    python scripts/check_inc_names.py [--all]

It reads scripts/inc_names/*.txt, imports each name from `inc_hf` in the place of `neural_compressor`, and prints those
that are missing, with the reason if there is one in the list (`--all`), or without one, which is a fault: then it ends
with code 1. It also tells reasons of what is not missing.
"""

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

LISTS = Path(__file__).parent / "inc_names"
INC, OURS = "neural_compressor", "inc_hf"


class Name(NamedTuple):
    """A name of a module of INC, the versions that have it, and why it is left out here, if it is."""

    module: str
    name: str
    since: str
    until: str
    reason: str

    def __str__(self) -> str:
        return self.module if self.name == "-" else f"{self.module}.{self.name}"


def names_in(path: Path) -> Iterator[Name]:
    """The names of a list."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            module, name, since, until, *reason = line.split(maxsplit=4)
            yield Name(module, name, since, until, "".join(reason))


def is_here(name: Name) -> bool:
    """Whether `from MODULE import NAME` works, of this package."""
    place = OURS + name.module.removeprefix(INC)
    try:
        module = importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):  # another package is missing
            raise
        return False
    if name.name == "-" or hasattr(module, name.name):
        return True
    try:
        importlib.import_module(f"{place}.{name.name}")
    except ModuleNotFoundError:
        return False
    return True


def check(names: list[Name]) -> tuple[list[Name], list[Name], list[Name]]:
    """Those that are missing without a reason, those that have one, and those that have one and are here."""
    missing = [name for name in names if not is_here(name)]
    explained = [name for name in names if name.reason]
    return (
        [name for name in missing if not name.reason],
        [name for name in explained if name in missing],
        [name for name in explained if name not in missing],
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--all", action="store_true", help="print those that are left out for a reason, too")
    options = parser.parse_args(arguments)
    names = [name for path in sorted(LISTS.glob("*.txt")) for name in names_in(path)]
    missing, left_out, here = check(names)
    for name in missing:
        print(f"missing: {name} ({name.since} to {name.until})")
    for name in left_out if options.all else ():
        print(f"left out: {name} ({name.since} to {name.until}): {name.reason}")
    for name in here:
        print(f"not left out: {name}, whose reason is {name.reason!r}")
    print(f"{len(names)} names: {len(missing)} missing, {len(left_out)} left out, {len(here)} not left out.")
    return 1 if missing or here else 0


if __name__ == "__main__":
    sys.exit(main())
