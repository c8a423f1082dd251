"""A score, with what it is made of."""

from collections.abc import Mapping


class Score(float):
    """The number that counts. `scores` are all that the evaluation gave, by their names, where there are several."""

    scores: Mapping[str, float] | None

    def __new__(cls, value: float, scores: Mapping[str, float] | None = None):
        score = super().__new__(cls, value)
        score.scores = scores
        return score

    def __getnewargs__(self) -> tuple:
        return float(self), self.scores

    @classmethod
    def of(cls, value: float) -> "Score":
        """Any number; what is a score already stays as it is."""
        return value if isinstance(value, cls) else cls(value)
