"""Lines of a notebook's cells that are no Python: hidden while the rest is rewritten."""

import re

HIDDEN = re.compile(r"^[ \t]*pass  # inc_hf: hidden line (\d+)$", re.MULTILINE)
# `%time x`, `!pip install`, `?name`, `name?`, `files = !ls`, `x = %magic`
_MAGIC = re.compile(r"^\s*([%!?].*|[\w.]+\?{1,2}\s*|[\w., ]+=\s*[%!].*)$")
# Behind these cell magics there is Python
PYTHON = {"time", "timeit", "capture", "prun", "python", "python3"}


class Magics:
    """Hides lines, and brings them back."""

    def __init__(self):
        self.lines: list[str] = []

    def hide(self, source: str) -> str | None:
        """The source as Python, or None for a cell in another language."""
        first = source.lstrip().partition("\n")[0]
        if first.startswith("%%") and first[2:].split(" ")[0].strip() not in PYTHON:
            return None
        shown: list[str] = []
        goes_on = False
        for line in source.split("\n"):
            if goes_on:
                self.lines[-1] += f"\n{line}"
            elif _MAGIC.match(line):
                indent = line[: len(line) - len(line.lstrip())]
                shown.append(f"{indent}pass  # inc_hf: hidden line {len(self.lines)}")
                self.lines.append(line)
            else:
                shown.append(line)
            goes_on = (goes_on or bool(_MAGIC.match(line))) and line.rstrip().endswith("\\")
        return "\n".join(shown)

    def show(self, source: str) -> str:
        """The source with the lines that were hidden."""
        return HIDDEN.sub(lambda match: self.lines[int(match[1])], source)
