"""What a hyperparameter may be."""

import random
from collections.abc import Sequence
from numbers import Real
from typing import Any

from inc_hf.config.checks import check_choice, wrong_type
from inc_hf.errors import UsageError


class BaseSearchSpace:
    """Values of one hyperparameter; `total_num` is how many there are."""

    type: str
    total_num: float

    def get_value(self, generator: Any = random) -> Any:
        """One of them, at random."""
        raise NotImplementedError

    def place(self, value: Any) -> float:
        """Where in the space a value is, from 0 to 1."""
        raise NotImplementedError


class DiscreteSearchSpace(BaseSearchSpace):
    """A list of values, or those from `bound[0]` up to, but without, `bound[1]`, `interval` apart.

    Args:
        interval (*optional*): 1 between integers, otherwise 0.01.
    """

    type = "discrete"

    def __init__(
        self,
        bound: Sequence | None = None,
        interval: Real | None = None,
        value: Sequence | None = None,
        type: Any = None,
    ):
        if value is not None and (not isinstance(value, list | tuple) or not value):
            raise wrong_type("value", "a list of at least one value", value)
        if value is None:
            check_bound(bound)
            interval = interval or (1 if all(isinstance(end, int) for end in bound) else 0.01)
        self.bound, self.interval, self.value = bound, interval, value
        self.total_num = int((bound[1] - bound[0]) / interval + 1e-9) if value is None else len(value)
        if self.total_num < 1:
            raise UsageError(f"`interval={interval}` is longer than the space {tuple(bound)}; nothing is in it.")

    def get_nth_value(self, idx: int) -> Any:
        return round(self.bound[0] + idx * self.interval, 10) if self.value is None else self.value[idx]

    def get_all(self) -> list[Any]:
        return [self.get_nth_value(i) for i in range(self.total_num)]

    def get_value(self, idx: int | None = None, generator: Any = random) -> Any:
        """The value of that number, all of them for a negative one, one at random without."""
        if idx is None:
            return self.get_nth_value(generator.randrange(self.total_num))
        return self.get_nth_value(idx) if idx >= 0 else self.get_all()

    def index(self, value: Any) -> int:
        if self.value is not None:
            return self.value.index(value)
        return round((value - self.bound[0]) / self.interval)

    def place(self, value: Any) -> float:
        return self.index(value) / max(self.total_num - 1, 1)


class ContinuousSearchSpace(BaseSearchSpace):
    """Any number from `bound[0]` to `bound[1]`."""

    type = "continuous"
    total_num = float("inf")

    def __init__(self, bound: Sequence, interval: None = None, value: None = None, type: Any = None):
        check_bound(bound)
        if interval is not None or value is not None:
            raise UsageError("A continuous space has neither `interval` nor `value`; leave `type` out.")
        self.bound, self.interval, self.value = bound, None, None

    def get_value(self, generator: Any = random) -> float:
        return self.bound[0] + generator.random() * (self.bound[1] - self.bound[0])

    def place(self, value: float) -> float:
        return (value - self.bound[0]) / (self.bound[1] - self.bound[0])


KINDS = {"discrete": DiscreteSearchSpace, "continuous": ContinuousSearchSpace}


class SearchSpace:
    """Makes a [`DiscreteSearchSpace`] where `interval` or `value` is given, otherwise a [`ContinuousSearchSpace`].

    ```python
    {"learning_rate": SearchSpace((1e-4, 1e-3)), "num_train_epochs": SearchSpace(bound=(20, 100), interval=1)}
    ```
    """

    def __new__(
        cls,
        bound: Sequence | None = None,
        interval: Real | None = None,
        value: Sequence | None = None,
        type: str | None = None,
    ) -> BaseSearchSpace:
        kind = type or ("continuous" if interval is None and value is None else "discrete")
        return KINDS[check_choice("type", kind, KINDS)](bound, interval, value)


def check_bound(bound: Any) -> None:
    """Raise ValueError if it is not a pair of a lower and a higher number."""
    is_pair = isinstance(bound, list | tuple) and len(bound) == 2 and all(isinstance(end, Real) for end in bound)
    if not is_pair or not bound[0] < bound[1]:
        raise UsageError(f"`bound` must be (low, high) with low < high, or give `value`, a list; got {bound!r}.")
