"""Orders in which candidates are tried. A new one is a file here, and its line in `STRATEGIES`.

A strategy is called with the [`Problem`] and yields candidates; it is sent the trial of each, and ends by itself.
`max_trials` and `timeout` end it from outside.
"""

from collections.abc import Callable

from inc_hf.config import TuningCriterion
from inc_hf.tune.problem import Problem, Strategy
from inc_hf.tune.strategies.auto import auto
from inc_hf.tune.strategies.basic import basic
from inc_hf.tune.strategies.bayesian import bayesian
from inc_hf.tune.strategies.conservative import conservative
from inc_hf.tune.strategies.drawn import exhaustive, random
from inc_hf.tune.strategies.hawq_v2 import hawq_v2
from inc_hf.tune.strategies.mse import mse
from inc_hf.tune.strategies.mse_v2 import mse_v2
from inc_hf.tune.strategies.tpe import tpe
from inc_hf.tune.study import check_study

STRATEGIES: dict[str, Callable[[Problem], Strategy]] = {
    "auto": auto,
    "conservative": conservative,
    "basic": basic,
    "mse": mse,
    "mse_v2": mse_v2,
    "hawq_v2": hawq_v2,
    "exhaustive": exhaustive,
    "random": random,
    "bayesian": bayesian,
    "tpe": tpe,
}
ON_OPTUNA = ("random", "bayesian", "tpe")


def strategy_names() -> list[str]:
    """The strategies that can be chosen."""
    return list(STRATEGIES)


def check(name: str, tuning: TuningCriterion, workspace: str) -> None:
    """Raise ValueError or ImportError if a strategy cannot begin, before anything is evaluated."""
    if name in ON_OPTUNA:
        check_study(name, tuning, workspace)


def chosen(tuning: TuningCriterion, quant_level: int | str) -> str:
    """The name of the strategy, as INC chooses it: `quant_level` 0 is "conservative", "auto" is "auto", 1 leaves it to
    `tuning.strategy`. What the user names there counts first, though; INC ignores it where `quant_level` is "auto"."""
    if quant_level == 1 or tuning.strategy_is_given:
        return tuning.strategy
    return "conservative" if quant_level == 0 else "auto"
