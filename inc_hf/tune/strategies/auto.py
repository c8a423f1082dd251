"""The default first, then kind by kind, then the basic strategy."""

from inc_hf.tune.problem import Problem, Strategy
from inc_hf.tune.strategies.basic import basic
from inc_hf.tune.strategies.conservative import kinds_that_fit

ENOUGH = 0.5


def auto(problem: Problem) -> Strategy:
    """INC's "auto" (`quant_level` "auto").

    What "conservative" finds ends the search only if it leaves at most half of the default's modules in float. INC
    ends there also if nothing but the embeddings became integers, which makes nothing faster.
    """
    if (yield from problem.until_met([problem.default])):
        return
    found = yield from kinds_that_fit(problem)
    is_enough = found is not None and len(found.schemes) >= ENOUGH * len(problem.default.schemes)
    if not is_enough or problem.tuning.timeout:
        yield from basic(problem)
