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
from inc_hf.config.registered import check_choice_or_registered
from inc_hf.errors import UsageError

OBJECTIVES = ("performance", "accuracy", "modelsize", "footprint")
STRATEGIES = (
    "auto", "conservative", "basic", "mse", "mse_v2", "hawq_v2", "bayesian", "tpe", "random", "exhaustive",
)  # fmt: skip


@dataclass
class AccuracyCriterion(NotesGiven):
    """
    How much accuracy a compressed model may lose. `str(criterion)` is `"relative"` or `"absolute"`.

    Args:
        higher_is_better (`bool`, *optional*, defaults to `True`):
            Whether a higher score is a better one. Where it is left out, the metric's name says it, if it has one of
            a known kind: "mse" or "eval_loss" are better lower; what contradicts such a name is refused.
        criterion (`str`, *optional*, defaults to `"relative"`):
            What `tolerable_loss` is measured in: `"relative"` (a share of the float model's score) or `"absolute"`
            (the unit of the score).
        tolerable_loss (`float`, *optional*, defaults to 0.01):
            The largest loss that is accepted, 0 or more. INC refuses an int here.
    """

    higher_is_better: bool = True
    criterion: str = "relative"
    tolerable_loss: float = 0.01

    NOTED = "higher_is_better"

    @property
    def direction_is_given(self) -> bool:
        """Whether the user chose `higher_is_better`, at once or later; a False is no default."""
        return self.is_given()

    def _check_fields(self):
        check_bool("higher_is_better", self.higher_is_better)
        check_choice("criterion", self.criterion, ("relative", "absolute"))
        self.tolerable_loss = check_float("tolerable_loss", self.tolerable_loss, low=0)

    def __str__(self) -> str:
        return self.criterion

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
            Seconds after which the search ends. 0 means that it ends at the first config that meets the goal.
        max_trials (`int`, *optional*, defaults to 100):
            How many configs are tried at most, 1 or more.
        objective (`str`, `list[str]` or `dict`, *optional*, defaults to `"performance"`):
            What is made best among the configs that meet the accuracy goal: `"performance"` (time), `"accuracy"`,
            `"modelsize"`, `"footprint"` (memory), a list of these, or a dict (or its JSON text) of lists of
            equal length, `{"objective": [...], "weight": [...], "higher_is_better": [...]}`, the last two optional.
        reuse (`bool`, *optional*, defaults to `True`):
            Whether a trial takes modules that an earlier one made in the same way, which saves calibrating again and
            changes no bit; they stay in memory until the search ends. INC has no such field.
    """

    strategy: str = "basic"
    strategy_kwargs: JsonDict = None
    timeout: float = 0
    max_trials: int = 100
    objective: list[str] | str | dict | None = "performance"
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
