"""What became of a wrong use, and whether that is as it should be."""

import re
from dataclasses import dataclass

from wrong_uses.process import LONGEST

BAR = re.compile(r"\d%\||\d+ examples \[")


@dataclass
class Outcome:
    """Of one use, in a process of its own."""

    use: str
    code: int
    lines: list[str]  # of stderr
    seconds: float

    @property
    def said(self) -> str:
        """The line that counts."""
        errors = [line for line in self.lines if "error: " in line]
        return errors[-1].partition("error: ")[2] if errors else ""

    @property
    def fault(self) -> str:
        """Why it is not as it should be; empty if it is."""
        raise NotImplementedError


class LineOutcome(Outcome):
    """Of a command line."""

    @property
    def fault(self) -> str:
        if self.code == 0:
            return "done, as if it were right"
        if any("Traceback" in line for line in self.lines):
            return "a traceback"
        if self.code != 2:
            return f"exit code {self.code}"
        if any("Loading weights" in line for line in self.lines):
            return "after a model was loaded"
        more = [line for line in self.lines if "error: " not in line and not BAR.search(line)]
        if more or sum("error: " in line for line in self.lines) != 1:
            return f"{len(self.lines)} lines"
        return "" if self.seconds < LONGEST else f"after {self.seconds:.0f} s"


class CallOutcome(Outcome):
    """Of a call."""

    @property
    def said(self) -> str:
        return super().said or ("accepted" if self.code == 0 else "")

    @property
    def fault(self) -> str:
        if self.code in (0, 2):
            return ""
        return "killed, as it took too long" if self.code < 0 else "an error from inside"
