"""The search loop: build, evaluate, remember, stop."""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace

from torch import nn

from inc_hf.config import TuningCriterion
from inc_hf.coverage import Coverage
from inc_hf.models.size import bytes_of
from inc_hf.quantize.nn import quantized_modules
from inc_hf.telling import NOTICE
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.deploy import DeployConfig
from inc_hf.tune.goal import Goal
from inc_hf.tune.history import History, Trial
from inc_hf.tune.objectives import is_better
from inc_hf.tune.problem import Strategy
from inc_hf.tune.table import Trials

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
) -> TuneResult:
    """Try the candidates of `strategy` until it ends, or trials or time run out; return the best.

    Those that meet the goal are compared by the objective, others by their score. What a strategy yields again is not
    tried again, and does not count. Ctrl-C ends the search with the best so far, if a trial has ended. Each trial is
    `told` when it ends.
    """
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
                result = _try(candidate, build, evaluate, goal, history, latency)
                trial = result.trial
                for tell in told:
                    tell(candidate, trial)
                tried[candidate.fingerprint] = replace(result, model=None)
                if best is None or is_better(trial, best.trial, goal, criterion):
                    best = result
                if criterion.timeout and time.monotonic() - start > criterion.timeout:
                    break
    except KeyboardInterrupt:
        if best is None:
            raise
        best.interrupted = True
        logger.warning("Interrupted: going on with the best of %d trials.", len(history.trials))
    return _built(_in_order(best, tried, criterion), build)


def _in_order(best: TuneResult, tried: dict[str, TuneResult], criterion: TuningCriterion) -> TuneResult:
    """The best by the order of the history, which of several processes is the same for all of them."""
    first, *others = [tried[trial.fingerprint] for trial in best.history.trials if trial.fingerprint in tried]
    for other in others:
        first = other if is_better(other.trial, first.trial, best.goal, criterion) else first
    return best if first.trial == best.trial else replace(first, interrupted=best.interrupted)


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
) -> TuneResult:
    trial, model = history.earlier.get(candidate.fingerprint), None
    if trial is None:
        model = build(candidate)
        start = time.perf_counter()
        score = evaluate(model)
        seconds = time.perf_counter() - start
        modules = len(quantized_modules(model))
        meets = goal.is_met_by(score)
        size, name = model_bytes(model), candidate.fingerprint
        ratio = latency(model) if latency and meets else None
        trial = Trial(candidate.label, name, score, seconds, size, meets, modules, goal.baseline, ratio)
    else:  # the goal may be another one than in the earlier search
        trial = replace(trial, label=candidate.label, meets_goal=goal.is_met_by(trial.score))
    history.add(trial)
    logger.log(
        NOTICE,
        "Trial %d: %s: %.4f (baseline %.4f, goal %.4f)%s",
        len(history.trials),
        candidate.label,
        trial.score,
        goal.baseline,
        goal.target,
        _met_in_words(trial),
    )
    return TuneResult(model, candidate, trial, history, goal)


def _met_in_words(trial: Trial) -> str:
    if not trial.meets_goal:
        return ""
    return ", met" if trial.latency is None else f", met, {1 / trial.latency:.2f} x as fast as the float model"


def model_bytes(model: nn.Module) -> int:
    """Bytes of all parameters and buffers; tied ones count once."""
    return bytes_of([*model.parameters(), *model.buffers()])
