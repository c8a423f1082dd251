"""What post-training quantization may vary: samples, observers, smoothing, and which modules stay in float."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.coverage import Coverage, Reason
from inc_hf.errors import UsageError
from inc_hf.quantize import convert, prepare, resolve_schemes
from inc_hf.quantize.bias import check_no_clipping
from inc_hf.quantize.coverage import inventory_of
from inc_hf.quantize.fold import fold_factors
from inc_hf.quantize.in_words import is_mixed, model_in_words
from inc_hf.quantize.nn import op_type, quantized_modules
from inc_hf.quantize.observer import OBSERVERS
from inc_hf.quantize.scheme import Scheme
from inc_hf.quantize.smoothing import smoothing_alphas
from inc_hf.quantize.workflow import unprepare
from inc_hf.tune.built import Built
from inc_hf.tune.calibration import Calibration
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.sensitivity import ranked, together
from inc_hf.tune.sensitivity.mixture import Mixture
from inc_hf.tune.space import copy_of, reached_by

logger = logging.getLogger(__name__)


@dataclass
class QuantizationSpace:
    """A [`Space`] of quantized models; `inputs` are a few batches, to see what harms.

    The modules that are used are those which the calibration data reaches, without it those which an evaluation
    called.
    """

    model: nn.Module
    conf: PostTrainingQuantConfig
    calibration: Calibration
    inputs: list
    called: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self):
        self.inventory = inventory_of(self.model)
        self.left: dict[str, Reason] = {}
        self.default: dict[str, Scheme] = {}
        self.built = Built(self.model) if self.conf.tuning_criterion.reuse else None

    @cached_property
    def reached(self) -> Mapping[str, int | None] | None:
        """The modules that are used, with the dimensions of their inputs; None where that cannot be seen."""
        if self.calibration.batches or not self.called:
            return reached_by(self.model, self.calibration.batches)
        return dict(self.called)

    def coverage(self, model: nn.Module, candidate: Candidate) -> Coverage:
        """How much of the float model is quantized in `model`, which was made as the candidate says."""
        changed = quantized_modules(model)
        coverage = self.inventory.coverage("Quantized", changed, self.left, self.default, candidate.schemes)
        coverage.how = model_in_words(model) if is_mixed(model) else ""
        return coverage

    def candidates(self) -> list[Candidate]:
        approach = self.conf.approach if self.conf.approach != "auto" else "default"
        self.default = self._schemes(self.calibration.has_data)
        default = Candidate(approach, self.default, correct_bias=self.conf.recipe("fast_bias_correction"))
        if not default.schemes:
            raise UsageError("The config leaves no module to quantize; see `op_type_dict`, `op_name_dict`, `recipes`.")
        if default.correct_bias:
            check_no_clipping(default.schemes)
        if not default.needs_calibration:
            return [default]
        unique: dict[str, Candidate] = {}
        for candidate in self._variants(default):
            unique.setdefault(candidate.fingerprint, candidate)
        return list(unique.values())

    def _schemes(self, has_data: bool) -> dict[str, Scheme]:
        return resolve_schemes(self.model, self.conf, self.reached, has_data, self.left)

    def _variants(self, default: Candidate) -> Iterator[Candidate]:
        """The default with each number of samples, observers and alphas with the first; last, what is dynamic."""
        sizes = self.calibration.sizes(self.conf.calibration_sampling_size)
        for size in sizes:
            yield replace(default, label=f"{default.label}, {size} samples", calibration_samples=size)
        first = replace(default, calibration_samples=sizes[0])
        for observer in [] if default.correct_bias else _observer_variants(self.conf):
            # the range of a smoothed input comes from its extremes, without an observer
            yield _varied(
                first,
                f"observer {observer}",
                lambda scheme: scheme.is_static and scheme.smooth_alpha is None,
                lambda scheme, name=observer: scheme.with_observer(name),
            )
        for alpha in smoothing_alphas(self.conf)[1:]:
            yield _varied(
                first,
                f"smoothing {alpha}",
                lambda scheme: scheme.smooth_alpha is not None,
                lambda scheme, value=alpha: replace(scheme, smooth_alpha=value),
            )
        if self.conf.approach == "auto":
            yield replace(first, label="dynamic", schemes=self._schemes(has_data=False))

    def build(self, candidate: Candidate) -> nn.Module:
        if self.built is None:
            return self.quantize(copy_of(self.model), candidate)
        return self.built.build(candidate, self.quantize)

    def quantize(self, model: nn.Module, candidate: Candidate, fold: bool = False) -> nn.Module:
        """Convert `model`, in place; as it was, if that fails.

        Folded factors are faster, but then no module of it can take the place of its float one alone.
        """
        prepare(model, candidate.schemes, self.reached, candidate.correct_bias)
        try:
            if candidate.needs_calibration:
                self.calibration.run(model, candidate.calibration_samples)
            if fold and self.calibration.batches:
                fold_factors(model, self.calibration.batches[0])
            return convert(model)
        except BaseException:
            unprepare(model)
            raise

    def kinds(self, candidate: Candidate) -> dict[str, str]:
        return {name: op_type(self.model.get_submodule(name)) for name in candidate.schemes}

    def groups(self, candidate: Candidate) -> list[list[str]]:
        return together(self.model, list(candidate.schemes))

    def rank(self, candidate: Candidate, by: str = "gradients", **settings: Any) -> list[list[str]]:
        """Without inputs, from the last module to the first."""
        names = list(candidate.schemes)[::-1]
        return ranked(self.model, names, lambda: self._twins(candidate), self.inputs, by, **settings)

    def mixture(self, candidate: Candidate, batches: int) -> Mixture:
        if not self.inputs:
            raise UsageError("The strategy compares outputs, and no inputs are at hand: pass `calib_dataloader`.")
        return Mixture(self.model, self._twins(candidate), self.inputs[:batches])

    def _twins(self, candidate: Candidate) -> dict[str, nn.Module]:
        return quantized_modules(self.build(candidate))


def _varied(default: Candidate, what: str, applies: Callable, change: Callable) -> Candidate:
    schemes = {name: change(s) if applies(s) else s for name, s in default.schemes.items()}
    return replace(default, label=f"{default.label}, {what}", schemes=schemes)


def _observer_variants(conf: PostTrainingQuantConfig) -> list[str]:
    """Observers to try after the default: those that the user lists behind the first, otherwise ours."""
    sections = [*conf.op_type_dict.values(), *conf.op_name_dict.values()]
    listed = [settings.get("activation", {}).get("algorithm", []) for settings in sections]
    if not any(listed):
        return [name for name, observer in OBSERVERS.items() if observer.tried_by_tuning]
    return list(dict.fromkeys(observer for observers in listed for observer in observers[1:]))
