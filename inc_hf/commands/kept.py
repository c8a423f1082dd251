"""Whether `--keep-fp32` means modules of a model, and leaves some."""

from collections.abc import Collection

from inc_hf.errors import UsageError
from inc_hf.matching.patterns import match_names, nearest


def check_kept(patterns: list[str], names: Collection[str], what: str) -> None:
    """Refuse patterns that mean no module, or all of them.

    Args:
        names: the modules that could be changed.
        what (`str`): what is done with the others, such as "quantized".

    Raises:
        UsageError: names the pattern.
    """
    kept: set[str] = set()
    for pattern in patterns:
        found = match_names(pattern, names)
        if not found:
            raise UsageError(
                f"--keep-fp32 {pattern!r} matches no module that can be {what}{nearest(pattern, names) or '.'} "
                "It is a regular expression for whole names, e.g. 'bert\\.encoder\\..*'."
            )
        kept.update(found)
    if patterns and len(kept) == len(names):
        raise UsageError(f"--keep-fp32 {' '.join(map(repr, patterns))} leaves no module that is {what}.")
