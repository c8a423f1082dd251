"""Simulated annealing: the best point of a function that is cheap to compute."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

STEPS = 500
PATIENCE = 50  # steps without a better point


class SimulatedAnnealingOptimizer:
    """
    Args:
        generate_func (*optional*): points -> points near them, or others; by default each is moved by a normal number.
        T0, Tf (`float`): the temperature at the begin and at the end.
        alpha (`float`, *optional*, defaults to 0.9): what it is multiplied by at each step; None cools it evenly.
        higher_is_better (`bool`, *optional*, defaults to `True`): of the function.
        seed (`int`, *optional*): of what is accepted.
    """

    def __init__(
        self,
        generate_func: Callable[[Sequence], Sequence] | None = None,
        T0: float = 100,
        Tf: float = 0,
        alpha: float | None = 0.9,
        higher_is_better: bool = True,
        seed: int | None = None,
    ):
        self.random = np.random.default_rng(seed)
        self.generate_func = generate_func or self._moved
        self.T0, self.Tf, self.alpha, self.sign = T0, Tf, alpha, 1 if higher_is_better else -1

    def gen_next_params(self, func: Callable[[np.ndarray], Any], points: Sequence) -> Any:
        """The best of all points that were met, beginning with `points`.

        Args:
            func: an array of shape `(points, numbers)` -> their scores.
        """
        points = list(points)
        scores = self._scores(func, points)
        best, best_score, last = points[int(scores.argmax())], scores.max(), 0
        temperature = self.T0
        for step in range(STEPS):
            if temperature <= self.Tf or step - last > PATIENCE:
                break
            new = list(self.generate_func(points))
            new_scores = self._scores(func, new)
            chance = np.exp(np.minimum((new_scores - scores) / temperature, 0))
            taken = self.random.random(len(points)) < chance
            points = [new[i] if taken[i] else points[i] for i in range(len(points))]
            scores = np.where(taken, new_scores, scores)
            if new_scores.max() > best_score:
                best, best_score, last = new[int(new_scores.argmax())], new_scores.max(), step
            temperature = temperature - (self.T0 - self.Tf) / STEPS if self.alpha is None else temperature * self.alpha
        return best

    def _scores(self, func: Callable[[np.ndarray], Any], points: list) -> np.ndarray:
        return self.sign * np.asarray(func(np.array(points)), dtype=float)

    def _moved(self, points: Sequence) -> Sequence:
        return np.array(points) + self.random.standard_normal(np.shape(points))
