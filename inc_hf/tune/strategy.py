"""Strategies: generators that yield a candidate and are sent its score."""

from collections.abc import Callable, Generator, Iterable

from inc_hf.tune.candidate import Candidate

Strategy = Generator[Candidate, float, None]


def basic(
    candidates: Iterable[Candidate], rank: Callable[[Candidate], list[list[str]]], higher_is_better: bool = True
) -> Strategy:
    """The default candidate, its variants, then the best of them with its most harmful modules back in float.

    Modules fall back one after the other and stay in float (INC's "accumulated fallback"); their order comes from
    `rank`, which INC measures with one full evaluation for each module.

    Args:
        candidates: the default, then its variants (more calibration samples, another observer, dynamic for `auto`).
        rank: candidate -> names of its modules, most harmful first; modules that fall back together are one item.
    """
    best, best_score = None, None
    for candidate in candidates:
        score = yield candidate
        if best is None or (score > best_score if higher_is_better else score < best_score):
            best, best_score = candidate, score
    ranking = rank(best)
    for count in range(1, len(ranking)):
        names = [name for group in ranking[:count] for name in group]
        yield best.without(names, f"{best.label}, {len(names)} in float ({', '.join(ranking[count - 1])})")


STRATEGIES: dict[str, Callable[..., Strategy]] = {"basic": basic}


def strategy_names() -> list[str]:
    """The strategies that can be chosen."""
    return list(STRATEGIES)
