"""What mixed precision may vary: which modules keep their weights in float32."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import nn

from inc_hf.config import MixedPrecisionConfig
from inc_hf.coverage import Coverage, Reason
from inc_hf.errors import UsageError
from inc_hf.quantize.bf16 import bf16_modules, candidates_of, use_bf16
from inc_hf.quantize.coverage import Inventory
from inc_hf.quantize.resolve import (
    BY_CONFIG,
    NEVER_CALLED,
    reached_or_tied,
    settings_by_name,
    settings_by_type,
    tied_names,
)
from inc_hf.quantize.settings import merged_settings, wants_float
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.sensitivity import ranked, together
from inc_hf.tune.sensitivity.mixture import Mixture
from inc_hf.tune.space import copy_of, reached_by

VERB = "Stored in bfloat16"


@dataclass(frozen=True)
class Half:
    """What a module is to become; a [`Candidate`] has one of these, or a `Scheme`, for each."""

    needs_calibration: ClassVar[bool] = False

    def to_dict(self) -> dict[str, str]:
        return {"dtype": "bfloat16"}


@dataclass
class Bf16Space:
    """A [`Space`] of models with weights in bfloat16; `kind_of` are the modules' types by name, `inventory` and `left`
    what stays in float32."""

    model: nn.Module
    conf: MixedPrecisionConfig
    kind_of: dict[str, str]
    inventory: Inventory
    left: dict[str, Reason]
    inputs: list
    called: Mapping[str, int] = field(default_factory=dict)  # by the evaluation: the kinds are known before it

    def coverage(self, model: nn.Module, candidate: Candidate) -> Coverage:
        return self.inventory.coverage(VERB, bf16_modules(model), self.left, self.kind_of, candidate.schemes)

    def candidates(self) -> list[Candidate]:
        default = Candidate("bf16", dict.fromkeys(self.kind_of, Half()))
        kinds = sorted(set(self.kind_of.values()))
        if self.conf.quant_level not in (0, "auto") or len(kinds) == 1:
            return [default]
        groups = together(self.model, list(self.kind_of))
        by_kind = {
            kind: [name for group in groups if kind in {self.kind_of[other] for other in group} for name in group]
            for kind in kinds
        }
        return [default, *(default.without(names, f"bf16, {kind} in float32") for kind, names in by_kind.items())]

    def build(self, candidate: Candidate) -> nn.Module:
        return use_bf16(copy_of(self.model), candidate.schemes).eval()

    def kinds(self, candidate: Candidate) -> dict[str, str]:
        return {name: self.kind_of[name] for name in candidate.schemes}

    def groups(self, candidate: Candidate) -> list[list[str]]:
        return together(self.model, list(candidate.schemes))

    def rank(self, candidate: Candidate, by: str = "gradients", **settings: Any) -> list[list[str]]:
        """None for `quant_level` 0, which goes back type by type."""
        if self.conf.quant_level == 0:
            return []
        names = list(candidate.schemes)
        return ranked(self.model, names, lambda: self._twins(names), self.inputs, by, **settings)

    def mixture(self, candidate: Candidate, batches: int) -> Mixture:
        return Mixture(self.model, self._twins(list(candidate.schemes)), self.inputs[:batches])

    def _twins(self, names: list[str]) -> dict[str, nn.Module]:
        return bf16_modules(use_bf16(copy_of(self.model), names))


def kinds_to_convert(
    model: nn.Module, conf: MixedPrecisionConfig, left: dict[str, Reason] | None = None
) -> dict[str, str]:
    """Name -> type of the modules that a config brings to bfloat16; what shares a weight goes together.

    Args:
        left (`dict`, *optional*): gets the reason for each of the others that could be brought to it.

    Raises:
        ValueError: there are none, or a pattern matches nothing.
    """
    kinds = known = candidates_of(model)
    if "" in kinds:
        raise UsageError(
            f"The model is a single {kinds['']}, which has no place to be exchanged in; wrap it in a module."
        )
    reached = reached_by(model, [])
    if reached is not None:  # what is read without a call, as relative positions of DeBERTa are, stays in float32
        kinds = {name: kinds[name] for name in reached_or_tied(model, list(kinds), reached)}
    left = {} if left is None else left
    left.update({name: NEVER_CALLED if name not in kinds else BY_CONFIG for name in known})
    settings: dict[str, dict[str, dict]] = {name: {} for name in kinds}
    for name, stronger in [
        *settings_by_type(model, kinds, conf.op_type_dict),
        *settings_by_name(model, kinds, conf.op_name_dict),
    ]:
        settings[name] = merged_settings(settings[name], stronger)
    kept = {name for name in kinds if wants_float(settings[name]) and not _wants_bf16(settings[name])}
    kept |= {name for names in tied_names(model) if kept & set(names) for name in names}
    found = {name: kind for name, kind in kinds.items() if name not in kept}
    if not found:
        raise UsageError("The config leaves no module for bfloat16; see `op_type_dict` and `op_name_dict`.")
    return found


def _wants_bf16(settings: dict[str, dict]) -> bool:
    return settings.get("weight", {}).get("dtype", [""])[0] == "bf16"
