"""Lines of a notebook's cells that are no Python: hidden while the rest is rewritten."""

import re

from inc_hf.migrate.script.marks import comment_lines
from inc_hf.migrate.script.strings import COMMAND, PACKAGES

HIDDEN = re.compile(r"^[ \t]*pass  # inc_hf: hidden line (\d+)$", re.MULTILINE)
# `%time x`, `!pip install`, `?name`, `name?`, `files = !ls`, `x = %magic`
_MAGIC = re.compile(r"^\s*([%!?].*|[\w.]+\?{1,2}\s*|[\w., ]+=\s*[%!].*)$")
_SHELLS = ("bash", "sh", "script bash", "script sh", "!")
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
        """The source with the lines that were hidden; those that name packages of INC get a mark above them."""
        shown: list[str] = []
        for line in source.split("\n"):
            if match := HIDDEN.match(line):
                hidden = self.lines[int(match[1])]
                shown += [*marks_above(hidden, shown), hidden]
            else:
                shown.append(line)
        return "\n".join(shown)


def marked_shell(source: str) -> str:
    """A cell in the language of a shell, with a mark behind its first line if it names packages of INC."""
    first, _, rest = source.partition("\n")
    if not first.lstrip().startswith(tuple(f"%%{shell}" for shell in _SHELLS)):
        return source
    below = rest.split("\n")
    mark = comment_lines(COMMAND)
    return source if below[: len(mark)] == mark or not PACKAGES.search(rest) else "\n".join([first, *mark, rest])


def marks_above(line: str, above: list[str]) -> list[str]:
    indent = line[: len(line) - len(line.lstrip())]
    mark = [indent + each for each in comment_lines(COMMAND)]
    return [] if not PACKAGES.search(line) or above[-len(mark) :] == mark else mark
