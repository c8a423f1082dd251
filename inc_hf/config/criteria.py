"""Config classes of the accuracy goal and of the search for a config that meets it."""

from dataclasses import dataclass
from typing import Any

from inc_hf.config.base import JsonDict
from inc_hf.config.checks import (
    check_bool,
    check_choice,
    check_choices,
    check_float,
    check_int,
    check_keys,
    check_list,
    parse_json,
)
from inc_hf.config.given import NotesGiven
from inc_hf.config.per_metric import check_per_metric, is_per_metric
from inc_hf.config.registered import check_choice_or_registered
from inc_hf.errors import UsageError

OBJECTIVES = ("performance", "accuracy", "modelsize", "footprint")
STRATEGIES = (
    "auto", "conservative", "basic", "mse", "mse_v2", "hawq_v2", "bayesian", "tpe", "random", "exhaustive",
)  # fmt: skip


EARLY_STOPS = ("exact", "sequential")


@dataclass
class AccuracyCriterion(NotesGiven):
    """
    How much accuracy a compressed model may lose. `str(criterion)` is `"relative"` or `"absolute"`.

    Of several metrics, those in `metric_name` count, or those that are named here. With `weight` their weighted sum is
    the score; without, each of them has to be within its loss, and the first one is the score that is shown.

    Args:
        higher_is_better (`bool`, `list` or `dict`, *optional*, defaults to `True`):
            Whether a higher score is a better one. Where it is left out, the metric's name says it, if it has one of
            a known kind: "mse" or "eval_loss" are better lower; what contradicts such a name is refused. A list has
            one for each metric, a dict has them by their names.
        criterion (`str`, *optional*, defaults to `"relative"`):
            What `tolerable_loss` is measured in: `"relative"` (a share of the float model's score) or `"absolute"`
            (the unit of the score).
        tolerable_loss (`float`, `list` or `dict`, *optional*, defaults to 0.01):
            The largest loss that is accepted, 0 or more. INC refuses an int here. With a list, or a dict such as
            `{"accuracy": 0.01, "f1": 0.02}` (INC has neither), each of these metrics has to be within its own.
        weight (`list` or `dict`, *optional*):
            Of the metrics: the sum of weight times score is the score. INC has a list of them in `eval_metric`, and
            takes the mean of the products.
    """

    higher_is_better: bool | str | dict | list = True
    criterion: str = "relative"
    tolerable_loss: float | str | dict | list = 0.01
    weight: JsonDict | list = None

    NOTED = "higher_is_better"

    @property
    def direction_is_given(self) -> bool:
        """Whether the user chose `higher_is_better`, at once or later; a False is no default."""
        return self.is_given()

    def _check_fields(self):
        self.higher_is_better = check_per_metric("higher_is_better", self.higher_is_better, check_bool)
        check_choice("criterion", self.criterion, ("relative", "absolute"))
        self.tolerable_loss = check_per_metric("tolerable_loss", self.tolerable_loss, check_float, low=0)
        if self.weight is not None:
            self.weight = check_per_metric("weight", self.weight, check_float, low=0)
            _check_weights(self.weight)

    def __str__(self) -> str:
        return self.criterion

    @property
    def of_several(self) -> bool:
        """Whether a setting has one value for each of several metrics."""
        return any(map(is_per_metric, (self.higher_is_better, self.tolerable_loss, self.weight)))

    @property
    def relative(self) -> float | None:
        """`tolerable_loss` if it is relative, otherwise None. What is assigned makes it relative."""
        return self.tolerable_loss if self.criterion == "relative" else None

    @relative.setter
    def relative(self, loss: float) -> None:
        self.tolerable_loss = check_float("relative", loss, low=0)
        self.criterion = "relative"

    @property
    def absolute(self) -> float | None:
        """`tolerable_loss` if it is absolute, otherwise None. What is assigned makes it absolute."""
        return self.tolerable_loss if self.criterion == "absolute" else None

    @absolute.setter
    def absolute(self, loss: float) -> None:
        self.tolerable_loss = check_float("absolute", loss, low=0)
        self.criterion = "absolute"


def _check_weights(weight: Any) -> None:
    if not is_per_metric(weight):
        raise UsageError(f"`weight` must be a list or a dict, one for each metric, got {weight!r}.")
    if not any(weight.values() if isinstance(weight, dict) else weight):
        raise UsageError("`weight` has no weight above 0, so that no metric counts.")


@dataclass
class TuningCriterion(NotesGiven):
    """
    How to search for a config that meets the accuracy goal, and when to stop.

    Args:
        strategy (`str`, *optional*, defaults to `"basic"`):
            Order in which configs are tried: `"auto"`, `"conservative"`, `"basic"`, `"mse"`, `"mse_v2"`, `"hawq_v2"`,
            `"bayesian"`, `"tpe"`, `"random"` or `"exhaustive"`. Where it is left out, `quant_level` chooses; what is
            given here counts at every `quant_level`. INC also knows `"sigopt"`, whose service has closed.
        strategy_kwargs (`dict` or `str`, *optional*):
            Settings of the strategy, such as `{"confidence_batches": 2}` for `"mse_v2"`, or their JSON text. None is
            stored as `{}`. `"bayesian"`, `"tpe"` and `"random"` have `storage` and `study_name`, see docs/tune.md.
        timeout (`float`, *optional*, defaults to 0):
            Seconds after which the search ends, counted from the first config on; until then it also looks for what is
            better than the first config that meets the goal. With 0 it does not; but strategies that bring modules
            back to float then look for those that need not be. An evaluation by `eval_dataloader` or a dataset ends
            within a batch, and does not count then; one by a function of the user ends by itself. The first config is
            always evaluated.
        max_trials (`int`, *optional*, defaults to 100):
            How many configs are tried at most, 1 or more.
        objective (`str`, `list[str]` or `dict`, *optional*, defaults to `"performance"`):
            What is made best among the configs that meet the accuracy goal: `"performance"` (time), `"accuracy"`,
            `"modelsize"`, `"footprint"` (memory), a list of these, or a dict (or its JSON text) of lists of
            equal length, `{"objective": [...], "weight": [...], "higher_is_better": [...]}`, the last two optional.
        early_stop (`str`, *optional*, defaults to `"exact"`):
            When the evaluation of a config ends before its data does, by `eval_dataloader` or a dataset and where the
            score is the share of right answers. `"exact"`: when even with all others right the goal is missed. What is
            tried and chosen is the same as with None, which evaluates on all data. `"sequential"`: when it is missed
            with `early_stop_confidence`; there has to be one answer a sample, and their order has to tell nothing, so
            shuffle them once. INC has none of this.
        early_stop_confidence (`float`, *optional*, defaults to 0.99):
            Of `"sequential"`: a config that meets the goal is given up with a probability of at most 1 minus this.
        early_accept (`bool`, *optional*, defaults to `False`):
            Whether the evaluation of a config that meets the goal for certain ends early, too, with an estimate of its
            score.
        reuse (`bool`, *optional*, defaults to `True`):
            Whether a trial takes modules that an earlier one made in the same way, which saves calibrating again and
            changes no bit; they stay in memory until the search ends. INC has no such field.
    """

    strategy: str = "basic"
    strategy_kwargs: JsonDict = None
    timeout: float = 0
    max_trials: int = 100
    objective: list[str] | str | dict | None = "performance"
    early_stop: str | None = "exact"
    early_stop_confidence: float = 0.99
    early_accept: bool = False
    reuse: bool = True

    NOTED = "strategy"

    @property
    def strategy_is_given(self) -> bool:
        """Whether the user chose `strategy`, at once or later."""
        return self.is_given()

    def _check_fields(self):
        if self.strategy == "sigopt":
            raise UsageError(
                "`strategy` 'sigopt' needs the SigOpt service, which has closed; use 'bayesian' or 'tpe' instead."
            )
        check_choice_or_registered("strategy", self.strategy, STRATEGIES, "strategy")
        self.strategy_kwargs = dict(parse_json("strategy_kwargs", self.strategy_kwargs, dict))
        self.timeout = check_float("timeout", self.timeout, low=0)
        self.max_trials = check_int("max_trials", self.max_trials, low=1)
        self.objective = _check_objective(self.objective)
        if self.early_stop is not None:
            check_choice("early_stop", self.early_stop, EARLY_STOPS)
        self.early_stop_confidence = check_float(
            "early_stop_confidence", self.early_stop_confidence, 0.5, 1, open_low=True, open_high=True
        )
        check_bool("early_accept", self.early_accept)
        check_bool("reuse", self.reuse)


def _check_objective(value: Any) -> str | list[str] | dict[str, list]:
    if value is None:
        return "performance"
    if isinstance(value, str) and not value.lstrip().startswith("{"):
        return check_choice("objective", value, OBJECTIVES)
    if isinstance(value, (list, tuple)):
        return _check_objective_names("objective", value)
    objective = dict(parse_json("objective", value, dict))
    check_keys("objective", objective, ("objective", "weight", "higher_is_better"))
    names = _check_objective_names("objective['objective']", objective.get("objective", []))
    checked: dict[str, list] = {"objective": names}
    for key, check in (("weight", check_float), ("higher_is_better", check_bool)):
        if key in objective:
            label = f"objective[{key!r}]"
            items = check_list(label, objective[key])
            if len(items) != len(names):
                raise UsageError(f"`{label}` must have one item per objective, {len(names)}, got {len(items)}.")
            checked[key] = [check(f"{label}[{i}]", item) for i, item in enumerate(items)]
    return checked


def _check_objective_names(name: str, value: Any) -> list[str]:
    names = check_choices(name, value, OBJECTIVES)
    if not names:
        raise UsageError(f"`{name}` names no objective; give at least one of {', '.join(OBJECTIVES)}.")
    return names
