"""The points of a study: a choice for each module by its name, and the candidate that this makes."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import product
from math import prod
from random import Random

from inc_hf.tune.candidate import Candidate
from inc_hf.tune.problem import Problem

FLOAT = "float"
NAMED = 3
TRUST = (0.0, 0.8)  # in the ranking: it may be wrong
ENUMERABLE = 4096

Point = Mapping[str, str]


class Points:
    """All points of a problem. `choices` are, for each module, or modules that share a weight, what it may become."""

    def __init__(self, problem: Problem):
        self.problem = problem
        self.options = {" + ".join(choices[0]): choices for choices in problem.options()}
        self.choices = {name: [self._word(choice) for choice in options] for name, options in self.options.items()}
        self.total = prod(map(len, self.choices.values())) - 1  # without the float model

    def _word(self, choice: Mapping) -> str:
        """What a choice is called: by the first candidate that has it."""
        if all(scheme is None for scheme in choice.values()):
            return FLOAT
        candidates = self.problem.candidates
        return next(c.label for c in candidates if all(c.schemes.get(name) == s for name, s in choice.items()))

    @property
    def fingerprint(self) -> str:
        """Equal for the same modules with the same options."""
        all_of_it = [self.choices, [candidate.fingerprint for candidate in self.problem.candidates]]
        return hashlib.sha256(json.dumps(all_of_it).encode()).hexdigest()[:16]

    def default(self) -> dict[str, str]:
        return {name: choices[0] for name, choices in self.choices.items()}

    def candidate(self, point: Point, label: str = "") -> Candidate:
        """What a point stands for."""
        chosen = [self.options[name][self.choices[name].index(word)] for name, word in point.items()]
        schemes = {name: scheme for choice in chosen for name, scheme in choice.items()}
        if point == self.default():
            return self.problem.default
        return self.problem.default.changed(schemes, label or self._label(point))

    def _label(self, point: Point) -> str:
        """Such as "static, 3 in float (a, b, c), 2 otherwise"."""
        default = self.default()
        kept = [name for name, word in point.items() if word == FLOAT != default[name]]
        others = sum(word not in (FLOAT, default[name]) for name, word in point.items())
        words = ", ".join(kept[:NAMED]) + (", …" if len(kept) > NAMED else "")
        told = [f"{len(kept)} in float ({words})"] * bool(kept) + [f"{others} otherwise"] * bool(others)
        return ", ".join([self.problem.default.label, *told])

    @cached_property
    def ranking(self) -> list[str]:
        """Names, the most harmful first; none where nothing is known of it."""
        place = {name: i for i, group in enumerate(self.problem.space.rank(self.problem.default)) for name in group}
        known = [name for name, choices in self.options.items() if place.keys() & choices[0].keys()]
        return sorted(
            known, key=lambda name: min(place[module] for module in self.options[name][0] if module in place)
        )

    def first(self, informed: bool) -> Iterator[dict[str, str]]:
        """The default; if the ranking is to help, its 1, 2, 4, 8 … most harmful modules in float, up to half."""
        yield self.default()
        count = 1
        while informed and len(self.choices) > 1 and count <= max(1, len(self.ranking) // 2):
            yield self.default() | dict.fromkeys(self.ranking[:count], FLOAT)
            count *= 2

    def drawn(self, random: Random) -> dict[str, str]:
        """At random. How much is in float varies from nothing to all, and so does whether that is what ranks high."""
        share, trust = random.random(), random.choice(TRUST)
        place = {name: i / len(self.ranking) for i, name in enumerate(self.ranking)}
        point = {}
        for name, choices in self.choices.items():
            chance = (1 - trust) * share + trust * (place.get(name, random.random()) < share)
            others = [word for word in choices if word != FLOAT]
            point[name] = FLOAT if random.random() < chance or not others else random.choice(others)
        return point

    def near(self, point: Point, tried: set[str], random: Random) -> dict[str, str] | None:
        """One that is not tried yet, with as few other choices as will do; None if there is none."""
        if self.total <= ENUMERABLE:
            points = [dict(zip(self.choices, words, strict=True)) for words in product(*self.choices.values())]
            left = [other for other in points if self.is_new(other, tried)]
            return min(left, key=lambda o: (_distance(o, point), random.random())) if left else None
        while not self.is_new(point, tried):
            name = random.choice(list(self.choices))
            point = {**point, name: random.choice(self.choices[name])}
        return dict(point)

    def is_new(self, point: Point, tried: set[str]) -> bool:
        candidate = self.candidate(point)
        return bool(candidate.schemes) and candidate.fingerprint not in tried


def _distance(one: Point, other: Point) -> int:
    return sum(one[name] != other[name] for name in one)
