"""One configuration to try."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from inc_hf.errors import UsageError
from inc_hf.quantize.scheme import Scheme


@dataclass(frozen=True)
class Candidate:
    """A scheme for each quantized module, how many samples calibrate it, and why it is tried.

    `correct_bias` moves the biases by the mean error of each output channel.
    """

    label: str
    schemes: Mapping[str, Scheme] = field(repr=False)
    calibration_samples: int | None = None
    correct_bias: bool = False

    @property
    def needs_calibration(self) -> bool:
        return self.correct_bias or any(scheme.needs_calibration for scheme in self.schemes.values())

    def without(self, names: list[str], label: str) -> "Candidate":
        """The same, with the named modules in float."""
        kept = {name: scheme for name, scheme in self.schemes.items() if name not in names}
        return replace(self, label=label, schemes=kept)

    def only(self, names: list[str], label: str) -> "Candidate":
        """The same, with all but the named modules in float."""
        return self.without([name for name in self.schemes if name not in names], label)

    def changed(self, schemes: Mapping[str, Scheme | None], label: str) -> "Candidate":
        """The same with these schemes; None leaves a module in float."""
        kept = {name: scheme for name, scheme in {**self.schemes, **schemes}.items() if scheme is not None}
        return replace(self, label=label, schemes=kept)

    def to_dict(self) -> dict[str, Any]:
        """Each distinct scheme with its modules: JSON of a length that a history can bear."""
        groups: dict[str, dict[str, Any]] = {}
        for name, scheme in self.schemes.items():
            key = json.dumps(scheme.to_dict(), sort_keys=True)
            groups.setdefault(key, {"scheme": scheme.to_dict(), "modules": []})["modules"].append(name)
        samples = self.calibration_samples if self.needs_calibration else None
        corrected = {"correct_bias": True} if self.correct_bias else {}
        return {"groups": list(groups.values()), "calibration_samples": samples, **corrected}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Candidate":
        """What `to_dict` gave, and a label.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        known = {field.name for field in fields(cls)} - {"schemes"}
        if unknown := [key for key in data if key not in known | {"groups"}]:
            raise UsageError(f"it has {unknown[0]!r}, which is not known here.")
        schemes = {name: Scheme.from_dict(group["scheme"]) for group in data["groups"] for name in group["modules"]}
        return cls(schemes=schemes, **{key: data[key] for key in known if key in data})

    @property
    def fingerprint(self) -> str:
        """Equal for equal configurations, whatever their label."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]
