"""Fallback in the order of how far each module's activations move."""

from inc_hf.tune.candidate import Candidate
from inc_hf.tune.fallback import FALLBACKS
from inc_hf.tune.problem import Problem, Strategy
from inc_hf.tune.strategies.basic import variants_then_fallback

MOST_VARIANTS = 5


def mse(problem: Problem) -> Strategy:
    """INC's "mse": at most five variants, then fallback of what `rank_by_activations` puts first. `strategy_kwargs` as
    in "basic"; INC tries each module alone first, `fallback="one_by_one"`."""
    settings = problem.settings(fallback=FALLBACKS[0], refine=True)
    variants = problem.candidates[:MOST_VARIANTS]

    def rank(best: Candidate) -> list[list[str]]:
        return problem.space.rank(best, "activations")

    yield from variants_then_fallback(problem, variants, rank, settings)
