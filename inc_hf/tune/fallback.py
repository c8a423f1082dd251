"""Which modules to bring back into float, given the order of how much they harm."""

import logging
from collections.abc import Generator

from inc_hf.config.checks import check_bool, check_choice
from inc_hf.telling import NOTICE
from inc_hf.tune.candidate import Candidate
from inc_hf.tune.history import Trial
from inc_hf.tune.problem import Problem

FALLBACKS = ("bisection", "accumulated", "one_by_one")
Groups = list[list[str]]
NAMED = 3
GOES_ON = (
    "The goal is met with %d modules in float. Looking for those of them that need not be: "
    "`strategy_kwargs={'refine': False}` ends here."
)

logger = logging.getLogger(__name__)


def fall_back(problem: Problem, start: Candidate, ranking: Groups, fallback: str, refine: bool) -> Generator:
    """Bring modules of `start`, which misses the goal, back into float until it is met.

    The last of the ranking stays in integers at first; if that misses the goal, `refine` tells the others from it.

    Args:
        ranking: modules that fall back together are one item; the most harmful first.
        fallback (`str`): "bisection" looks for the shortest beginning of the ranking that meets the goal, in about
            2 log2(n) trials; "accumulated" takes one more at a time, and all of them if there is a `timeout`;
            "one_by_one" is INC's way: each item alone first, the last module of the model at first, and then
            accumulated in the order of these scores.
        refine (`bool`): then makes integers again of what is not needed in float, half of it at a time.
    """
    check_choice("strategy_kwargs['fallback']", fallback, FALLBACKS)
    check_bool("strategy_kwargs['refine']", refine)
    if fallback == "one_by_one":
        ranking = yield from _measured_order(problem, start, ranking)
    find = _shortest if fallback == "bisection" else _accumulated
    in_float = yield from find(problem, start, ranking[:-1])
    if in_float and refine:
        if len(in_float) > 1:
            logger.log(NOTICE, GOES_ON, sum(map(len, in_float)))
        yield from _give_back(start, in_float)
    elif refine:  # all of it in float is the float model, which meets the goal; but perhaps nothing else does
        yield from _give_back(start, ranking, patience=2 * len(ranking).bit_length())


def _candidate(start: Candidate, groups: Groups, last: Groups | None = None) -> Candidate:
    names = [name for group in groups for name in group]
    told = [name for group in (groups if last is None else last) for name in group]
    words = ", ".join(told[:NAMED]) + (", …" if len(told) > NAMED else "")
    return start.without(names, f"{start.label}, {len(names)} in float ({words})")


def _shortest(problem: Problem, start: Candidate, ranking: Groups) -> Generator[Candidate, Trial, Groups]:
    """1, 2, 4, 8 … items until the goal is met, then the middle between the last miss and the first hit. It supposes
    that more modules in float harm less."""
    missed, met, count = 0, None, 1
    while met is None and missed < len(ranking):
        count = min(count, len(ranking))
        trial = yield _candidate(start, ranking[:count], ranking[missed:count])
        missed, met = (missed, count) if trial.meets_goal else (count, None)
        count *= 2
    while met is not None and met - missed > 1:
        middle = (missed + met) // 2
        trial = yield _candidate(start, ranking[:middle], ranking[missed:middle])
        missed, met = (missed, middle) if trial.meets_goal else (middle, met)
    return [] if met is None else ranking[:met]


def _accumulated(problem: Problem, start: Candidate, ranking: Groups) -> Generator[Candidate, Trial, Groups]:
    found: Groups = []
    for count in range(1, len(ranking) + 1):
        trial = yield _candidate(start, ranking[:count], ranking[count - 1 : count])
        found = found or ranking[: count * trial.meets_goal]
        if problem.ends_with(trial):
            break
    return found


def _measured_order(problem: Problem, start: Candidate, ranking: Groups) -> Generator[Candidate, Trial, Groups]:
    """Ordered by the score with only this item in float."""
    place = {name: i for i, name in enumerate(start.schemes)}
    missed = []
    for group in sorted(ranking, key=lambda group: -place[group[0]]):
        trial = yield _candidate(start, [group])
        missed.append((problem.goal.missed_by(trial.whole_score), group))
    return [group for _, group in sorted(missed, key=lambda one: one[0])]


def _give_back(start: Candidate, in_float: Groups, patience: int | None = None) -> Generator[Candidate, Trial, None]:
    """The last item is needed, or the search would have ended before it. Of the others, the less harmful half is tried
    first, and halves of what is needed as a whole (Zeller's delta debugging). After `patience` misses before the first
    hit it gives up."""
    waiting, kept, trials = [in_float[: len(in_float) // 2], in_float[len(in_float) // 2 : -1]], in_float, 0
    while waiting and (trials != patience or kept != in_float):
        if not (chunk := waiting.pop()):
            continue
        trials += 1
        rest = [group for group in kept if group not in chunk]
        if (yield _candidate(start, rest)).meets_goal:
            kept = rest
        elif len(chunk) > 1:
            waiting += [chunk[: len(chunk) // 2], chunk[len(chunk) // 2 :]]
