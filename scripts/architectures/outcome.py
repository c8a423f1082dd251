"""What came of one step on one architecture."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from inc_hf.errors import UsageError
from inc_hf.export.onnx import ExportError

RIGHT, REFUSED, FAULT = "right", "refused", "FAULT"


@dataclass
class Outcome:
    verdict: str
    error: float | None = None
    note: str = ""

    def cell(self) -> str:
        if self.verdict == REFUSED:
            return "refused"
        number = "" if self.error is None else f"{self.error:.1%}" if self.error >= 1e-3 else f"{self.error:.0e}"
        return f"{self.verdict.upper()} {number}".strip() if self.verdict == FAULT else number or self.verdict


@dataclass
class Result:
    """Of one architecture; `left` says what stayed in float, and why."""

    model_type: str
    model_class: str = ""
    parameters: int = 0
    share: float = 0.0
    left: str = ""
    format: str = ""
    steps: dict[str, Outcome] = field(default_factory=dict)
    skipped: str = ""
    seconds: float = 0.0

    @property
    def faults(self) -> dict[str, Outcome]:
        return {name: outcome for name, outcome in self.steps.items() if outcome.verdict == FAULT}

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Result":
        steps = {name: Outcome(**outcome) for name, outcome in values["steps"].items()}
        return cls(**{**values, "steps": steps})

    def line(self) -> str:
        if self.skipped:
            return f"{self.model_type}: skipped, {self.skipped}"
        cells = ", ".join(f"{name} {outcome.cell()}" for name, outcome in self.steps.items())
        return f"{self.model_type} ({self.model_class}): INT8 {self.share:.0%}; {cells}; {self.left}"


def judged(error: float, bound: float, note: str = "") -> Outcome:
    """NaN is in no bound."""
    if error <= bound:
        return Outcome(RIGHT, error, note)
    return Outcome(FAULT, error, note or f"more than {bound:g}")


def attempt(action: Callable[[], Outcome]) -> Outcome:
    """The outcome; a refusal that says why is one, any other error is a fault."""
    try:
        return action()
    except (UsageError, ExportError) as error:
        return Outcome(REFUSED, note=shortened(error))
    except Exception as error:  # that of any package, which is what this looks for
        return Outcome(FAULT, note=f"{type(error).__name__}: {shortened(error)}")


def shortened(error: Exception) -> str:
    return " ".join(str(error).split())[:400]
