"""Fallback in the order of the trace of the Hessian."""

from inc_hf.errors import UsageTypeError
from inc_hf.tune.fallback import FALLBACKS
from inc_hf.tune.problem import Problem, Strategy
from inc_hf.tune.strategies.basic import variants_then_fallback


def hawq_v2(problem: Problem) -> Strategy:
    """INC's "hawq_v2": the default, then fallback of what `rank_by_hessian` puts first.

    `strategy_kwargs`: `hawq_v2_loss`, a function of the logits and the classes that the float model predicts, default
    cross entropy; `fallback` and `refine` as in "basic" (INC accumulates).
    """
    settings = problem.settings(hawq_v2_loss=None, fallback=FALLBACKS[0], refine=True)
    loss = settings.pop("hawq_v2_loss")
    if loss is not None and not callable(loss):
        raise UsageTypeError(
            f"`strategy_kwargs['hawq_v2_loss']` must be a function of logits and classes, got {type(loss).__name__}."
        )
    yield from variants_then_fallback(
        problem, [problem.default], lambda best: problem.space.rank(best, "hessian", loss=loss), settings
    )
