"""Names of a package that are imported at their first use, so that importing the package is quick (PEP 562)."""

import difflib
import importlib
from collections.abc import Callable
from typing import Any


def lazy_names(package: str, homes: dict[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of `package`, which has each name of `homes` from the module that is given there."""

    def getattr_of_package(name: str) -> Any:
        if name in homes:
            return getattr(importlib.import_module(homes[name]), name)
        by_lower = {known.lower(): known for known in dir_of_package() if not known.startswith("_")}
        close = difflib.get_close_matches(name.lower(), by_lower, n=1)
        hint = f"; did you mean {by_lower[close[0]]!r}?" if close else ""
        raise AttributeError(f"module {package!r} has no attribute {name!r}{hint}", name=name)

    def dir_of_package() -> list[str]:
        return sorted({*vars(importlib.import_module(package)), *homes})

    return getattr_of_package, dir_of_package
