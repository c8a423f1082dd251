"""Numbers as people read them."""

import math


def plain(value: float | None, digits: int = 3) -> str:
    """To so many digits; an em dash for none."""
    if value is None:
        return "—"
    if not math.isfinite(value):
        return str(value)
    if value and (abs(value) >= 1e5 or abs(value) < 1e-3):
        return f"{value:.{digits - 1}e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:.{digits}g}"


def score(value: float | None) -> str:
    """As the log and `inc-hf info` show it."""
    return "—" if value is None else f"{value:.4f}"


def size(count: float | None) -> str:
    """Bytes."""
    if count is None:
        return "—"
    return f"{count / 1e6:,.1f} MB" if count >= 1e6 else f"{count / 1e3:,.1f} kB"


def seconds(value: float | None) -> str:
    return "—" if value is None else f"{value:,.0f} s" if value >= 100 else f"{plain(value, 2)} s"


def times(value: float) -> str:
    """How many times, of a quotient."""
    return f"{value:.2f} ×"
