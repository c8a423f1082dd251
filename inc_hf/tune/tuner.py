"""The search loop: build, evaluate, remember, stop."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from torch import nn

from inc_hf.config import TuningCriterion
from inc_hf.coverage import Coverage
from inc_hf.errors import UsageError
from inc_hf.models.size import bytes_of
from inc_hf.quantize.nn import quantized_modules
from inc_hf.score import Score
from inc_hf.telling import NOTICE
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.deploy import DeployConfig
from inc_hf.tune.goal import Goal
from inc_hf.tune.history import History, Trial
from inc_hf.tune.objectives import place_of_best
from inc_hf.tune.problem import Strategy
from inc_hf.tune.table import Trials
from inc_hf.tune.watch import Watch

logger = logging.getLogger(__name__)


@dataclass
class TuneResult:
    """The best model of a search; `met_criterion` says whether it reached the goal.

    `inputs` are the batches that the search looked at the model with; `coverage` says how much of it was changed;
    `doubts` say why the goal may mean nothing; `deploy` says how it was made.
    """

    model: nn.Module
    candidate: Candidate
    trial: Trial
    history: History
    goal: Goal
    interrupted: bool = False
    inputs: list = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    coverage: Coverage | None = None
    deploy: DeployConfig | None = None

    @property
    def met_criterion(self) -> bool:
        return self.trial.meets_goal

    @property
    def trials(self) -> Trials:
        """All of them; `print` shows a table."""
        return Trials(self.history.trials, self.goal, self.history.trials[self.number - 1])

    @property
    def number(self) -> int:
        """Which trial it was, from 1 on."""
        return [trial.fingerprint for trial in self.history.trials].index(self.trial.fingerprint) + 1


def tune(
    strategy: Strategy,
    build: Callable[[Candidate], nn.Module],
    evaluate: Callable[[nn.Module], float],
    goal: Goal,
    criterion: TuningCriterion,
    history: History,
    latency: Callable[[nn.Module], float | None] | None = None,
    told: Sequence[Callable[[Candidate, Trial], None]] = (),
    watch: Watch | None = None,
) -> TuneResult:
    """Try the candidates of `strategy` until it ends, or trials or time run out; return the best.

    Those that meet the goal are compared by the objective, others by their score. What a strategy yields again is not
    tried again, and does not count. Each trial is `told` when it ends. Ctrl-C ends the search with the best so far, if
    a trial has ended. So does the time, in the middle of an evaluation that `watch` looks at.
    """
    watch = watch or Watch(goal, criterion)
    start, best, trial = time.monotonic(), None, None
    tried: dict[str, TuneResult] = {}
    try:
        with closing(strategy):  # which may be in the middle of a trial
            while len(tried) < criterion.max_trials:
                try:
                    candidate = strategy.send(trial)
                except StopIteration:
                    break
                if known := tried.get(candidate.fingerprint):
                    trial = known.trial
                    continue
                if tried and criterion.timeout:  # the first trial ends whatever it takes, so that there is a model
                    watch.deadline = start + criterion.timeout
                result = _try(candidate, build, evaluate, goal, history, latency, watch)
                if result is None:
                    break
                trial = result.trial
                for tell in told:
                    tell(candidate, trial)
                tried[candidate.fingerprint] = replace(result, model=None)
                best = _best_of([*tried.values()], goal, criterion, [result, best])
                if criterion.timeout and time.monotonic() - start > criterion.timeout:
                    break
    except KeyboardInterrupt:
        if best is None:
            raise
        best.interrupted = True
        logger.warning("Interrupted: going on with the best of %d trials.", len(history.trials))
    if best is None:
        raise UsageError("The strategy has ended without any trial.")
    in_order = [tried[trial.fingerprint] for trial in history.trials if trial.fingerprint in tried]
    chosen = _best_of(in_order, goal, criterion, [best])  # of equals the first, for each of several processes the same
    return _built(replace(chosen, interrupted=best.interrupted), build)


def _best_of(
    results: list[TuneResult], goal: Goal, criterion: TuningCriterion, with_models: list[TuneResult | None]
) -> TuneResult:
    """The best one; with its model, if that is at hand."""
    best = results[place_of_best([result.trial for result in results], goal, criterion)]
    same = [one for one in with_models if one is not None and one.trial.fingerprint == best.trial.fingerprint]
    return same[0] if same else best


def _built(best: TuneResult, build: Callable[[Candidate], nn.Module]) -> TuneResult:
    """The result with its model, which a trial from an earlier search has not built yet."""
    if best.model is None:
        best.model = build(best.candidate)
    return best


def _try(
    candidate: Candidate,
    build: Callable,
    evaluate: Callable,
    goal: Goal,
    history: History,
    latency: Callable[[nn.Module], float | None] | None,
    watch: Watch,
) -> TuneResult | None:
    """The result of a candidate; None if time ran out before its evaluation had ended."""
    trial, model = history.earlier.get(candidate.fingerprint), None
    meets = None if trial is None else watch.judged(trial)
    if meets is None:
        model = build(candidate)
        watch.begin()
        start = time.perf_counter()
        score = Score.of(evaluate(model))
        seconds = time.perf_counter() - start
        if watch.timed_out:
            logger.warning("Time has run out in the evaluation of %s, which does not count.", candidate.label)
            return None
        modules = len(quantized_modules(model))
        meets = watch.decision.is_met if watch.is_partial else goal.is_met_by(score)
        size, name = model_bytes(model), candidate.fingerprint
        ratio = latency(model) if latency and meets else None
        known, baseline = watch.score(float(score)), float(goal.baseline)
        trial = Trial(
            candidate.label, name, known, seconds, size, meets, modules, baseline, ratio, score.scores,
            origin=history.origin, **watch.found(),
        )  # fmt: skip
    else:
        trial = replace(trial, label=candidate.label, meets_goal=meets)
    history.add(trial)
    logger.log(
        NOTICE,
        "Trial %d: %s: %.4f (baseline %.4f, goal %.4f)%s",
        len(history.trials),
        candidate.label,
        trial.score,
        goal.baseline,
        goal.target,
        _in_words(trial, goal),
    )
    return TuneResult(model, candidate, trial, history, goal)


def _in_words(trial: Trial, goal: Goal) -> str:
    partly = "" if trial.low is None else f", seen on {trial.samples} of {trial.total} samples"
    if not trial.meets_goal:
        scores = trial.scores or {}
        short = [name for name, part in goal.parts.items() if not part.is_met_by(scores[name])]
        told = ", ".join(f"{name} {scores[name]:.4f} (goal {goal.parts[name].target:.4f})" for name in short)
        if math.isnan(trial.score):
            told = "a score that is no number: the model has overflown"
        return (f", missed by {told}" if told else ", missed") + partly
    met = ", met" + partly
    return met if trial.latency is None else f"{met}, {1 / trial.latency:.2f} x as fast as the float model"


def model_bytes(model: nn.Module) -> int:
    """Bytes of all parameters and buffers; tied ones count once."""
    return bytes_of([*model.parameters(), *model.buffers()])
