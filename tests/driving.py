"""Strategies without models: candidates out, scores in."""

from collections.abc import Callable

from inc_hf.config import AccuracyCriterion, TuningCriterion
from inc_hf.quantize import Scheme, WeightScheme
from inc_hf.tune import STRATEGIES, Candidate, Goal, Problem, Trial

GOAL = 0.9


class ListedSpace:
    """A space of these candidates; `ranking` is what `rank` says, `tied` share a weight."""

    def __init__(self, candidates: list[Candidate], ranking="", kinds=None, tied: str = ""):
        self.listed, self.ranking, self.kind_of, self.tied = candidates, ranking, kinds, tied
        self.asked: list[Candidate] = []

    def candidates(self):
        return self.listed

    def kinds(self, candidate):
        return {name: self.kind_of[name] for name in candidate.schemes}

    def groups(self, candidate):
        groups = [[n for n in candidate.schemes if n in self.tied] if name in self.tied else [name]
                  for name in candidate.schemes]  # fmt: skip
        return [group for i, group in enumerate(groups) if group not in groups[:i]]

    def rank(self, candidate, by="gradients", **settings):
        self.asked.append(candidate)
        return [list(group) for group in self.ranking]


def candidate(label: str, bits: int = 8, names: str = "abcd") -> Candidate:
    return Candidate(label, {name: Scheme(WeightScheme(bits)) for name in names})


def problem_of(space, higher: bool = True, strategy: str = "basic", **tuning) -> Problem:
    """With a goal of 0.9 (or 1.1 if lower is better), the float model scores 1."""
    goal = Goal(1.0, AccuracyCriterion(higher, "absolute", 0.1))
    return Problem(space, goal, TuningCriterion(strategy, **tuning))


def drive(
    problem: Problem, score_of: Callable[[Candidate], float], most: int = 200,
    seconds_of: Callable[[Candidate], float] = lambda candidate: 1.0,
) -> list[Candidate]:  # fmt: skip
    """All candidates that the problem's strategy yields, each answered with its score; `most` is `max_trials`."""
    strategy = STRATEGIES[problem.tuning.strategy](problem)
    tried, trial = [], None
    try:
        while len(tried) < most:
            tried.append(strategy.send(trial))
            score = score_of(tried[-1])
            meets, count = problem.goal.is_met_by(score), len(tried[-1].schemes)
            seconds = seconds_of(tried[-1])
            trial = Trial(tried[-1].label, tried[-1].fingerprint, score, seconds, 1, meets, count)
    except StopIteration:
        pass
    return tried


def modules_of(candidates: list[Candidate]) -> list[str]:
    return ["".join(c.schemes) for c in candidates]


def by_harm(**harm: float) -> Callable[[Candidate], float]:
    """Each module in integers costs its harm."""
    return lambda candidate: 1 - sum(harm.get(name, 0) for name in candidate.schemes)
