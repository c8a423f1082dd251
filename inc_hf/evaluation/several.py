"""Which of several scores count, and how much."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from inc_hf.config import AccuracyCriterion
from inc_hf.config.per_metric import is_per_metric
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.evaluation.direction import in_direction_of

SETTINGS = ("weight", "tolerable_loss", "higher_is_better")


class Several:
    """What a goal says of several metrics.

    Args:
        names: `metric_name`, the metrics that count. None: those that dicts of the criterion name, or else all of what
            comes first.

    Attributes:
        names (`list[str]` or `None`): the metrics that count, once that is known.

    Raises:
        ValueError: the criterion names a metric that does not count, has more or fewer settings than there are
            metrics, or one that contradicts a metric's name.
    """

    def __init__(self, names: Sequence[str] | None, criterion: AccuracyCriterion):
        self.criterion, self.names = criterion, None
        if found := list(names or _named(criterion)):
            self._settle(found)

    def read(self, result: Any) -> dict[str, Any]:
        """The entries of what an evaluation function returned that count, by their names; "0", "1" … of a list.

        Raises:
            ValueError, TypeError: they are not there, or as the class says.
        """
        if not isinstance(result, Mapping):
            result = self._by_name(result)
        if not result:
            raise UsageError("The evaluation function returned no score at all; several are to count.")
        if self.names is None:
            self._settle(list(result))
        if missing := [name for name in self.names if name not in result]:
            raise UsageError(
                f"The evaluation function returned no {missing[0]!r}, only {', '.join(map(str, result))}; "
                f"{', '.join(self.names)} are to count."
            )
        return {name: result[name] for name in self.names}

    def _by_name(self, result: Any) -> dict[str, Any]:
        if not is_list(result):
            if self.names is not None and len(self.names) == 1:
                return {self.names[0]: result}
            raise UsageTypeError(
                "The evaluation function must return a dict or a list of scores, since several are to count, got "
                f"{result!r} ({type(result).__name__})."
            )
        if self.names is not None and len(self.names) != len(result):
            raise UsageError(
                f"The evaluation function returned {len(result)} scores, but {len(self.names)} are to count: "
                f"{', '.join(self.names)}."
            )
        return dict(zip(self.names or map(str, range(len(result))), result, strict=True))

    def _settle(self, names: list[str]) -> None:
        """Take these metrics, if the settings fit them."""
        for setting in SETTINGS:
            _check_fits(setting, self.criterion[setting], names)
        self.names = names
        directions = {name: self.of(name).higher_is_better for name in names}
        if self.criterion.weight is not None and len({*directions.values()}) > 1:
            higher, lower = ([n for n in names if directions[n] is way] for way in (True, False))
            raise UsageError(
                f"A weighted sum has one direction, but a higher score is better of {', '.join(higher)}, a lower one "
                f"of {', '.join(lower)}; give a `tolerable_loss` to each instead, without `weight`."
            )

    def of(self, name: str) -> AccuracyCriterion:
        """The criterion of one of the metrics, in its direction."""
        loss, higher = (self._setting(which, name) for which in ("tolerable_loss", "higher_is_better"))
        settings = {} if higher is None or not self.criterion.direction_is_given else {"higher_is_better": higher}
        own = AccuracyCriterion(criterion=self.criterion.criterion, tolerable_loss=loss or 0.0, **settings)
        return in_direction_of(own, name)

    def _setting(self, which: str, name: str) -> Any:
        value = self.criterion[which]
        if isinstance(value, list):
            return value[self.names.index(name)]
        return value.get(name) if isinstance(value, Mapping) else value

    def weights(self) -> dict[str, float]:
        """Of the sum that is the score; none where there is no sum."""
        return {} if self.criterion.weight is None else {name: self._setting("weight", name) for name in self.names}

    def parts(self) -> dict[str, AccuracyCriterion]:
        """The criteria that have to be met one by one; none where only the sum counts."""
        loss = self.criterion.tolerable_loss
        if self.criterion.weight is not None and not is_per_metric(loss):
            return {}
        return {name: self.of(name) for name in self.names if not isinstance(loss, Mapping) or name in loss}

    def whole(self) -> AccuracyCriterion:
        """The criterion of the one score: of the sum, or of the first metric that has a bound."""
        if self.criterion.weight is None:
            return next(iter(self.parts().values()))
        loss = self.criterion.tolerable_loss
        return replace(self.of(self.names[0]), tolerable_loss=0.0 if is_per_metric(loss) else loss)

    def shown(self) -> str:
        """What the one score is called."""
        if weights := self.weights():
            return " + ".join(f"{weight:g} {name}" for name, weight in weights.items())
        return next(iter(self.parts()))

    def score(self, scores: Mapping[str, float]) -> float:
        """The one score."""
        if weights := self.weights():
            return sum(weight * scores[name] for name, weight in weights.items())
        return scores[next(iter(self.parts()))]


def is_list(result: Any) -> bool:
    return isinstance(result, list | tuple) or getattr(result, "ndim", 0) == 1


def _named(criterion: AccuracyCriterion) -> list[str]:
    dicts = [criterion[setting] for setting in SETTINGS if isinstance(criterion[setting], Mapping)]
    return list(dict.fromkeys(name for setting in dicts for name in setting))


def _check_fits(setting: str, value: Any, names: list[str]) -> None:
    told = ", ".join(names)
    if isinstance(value, list) and len(value) != len(names):
        raise UsageError(
            f"`{setting}` has {len(value)} values for {len(names)} metrics ({told}); give one for each of them, or a "
            "dict by their names."
        )
    if not isinstance(value, Mapping):
        return
    if unknown := [name for name in value if name not in names]:
        raise UsageError(f"`{setting}` has {unknown[0]!r}, but the metrics that count are {told}.")
    if setting == "weight" and (left := [name for name in names if name not in value]):
        raise UsageError(f"`weight` has none for {left[0]!r}; give 0 to what is not to count.")
