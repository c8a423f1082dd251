"""The default, its variants, then the best of them with its most harmful modules back in float."""

from inc_hf.tune.fallback import FALLBACKS, fall_back
from inc_hf.tune.problem import Problem, Strategy


def basic(problem: Problem) -> Strategy:
    """INC's "basic".

    `strategy_kwargs`: `fallback`, one of [`FALLBACKS`], and `refine`, whether modules that turn out harmless become
    integers again; see [`fall_back`]. INC ranks with one full evaluation for each module, `fallback="one_by_one"`.
    """
    settings = problem.settings(fallback=FALLBACKS[0], refine=True)
    best = None
    for candidate in problem.candidates:
        trial = yield candidate
        if problem.ends_with(trial):
            return
        if best is None or problem.goal.is_better(trial.score, best[1].score):
            best = candidate, trial
    if best[1].meets_goal:  # there is time left, and other objectives than speed gain by it
        settings = {"fallback": "accumulated", "refine": False}
    yield from fall_back(problem, best[0], problem.space.rank(best[0]), **settings)
