"""What promises most by the shares of good and bad trials that have it: a tree-structured Parzen estimator."""

import math
import warnings
from typing import Any

from inc_hf.tune.problem import Problem, Strategy
from inc_hf.tune.study import studied

GOOD = 0.3  # the share of trials that count as good, INC's gamma


def tpe(problem: Problem) -> Strategy:
    """INC's "tpe", on Optuna: the default, some draws by the ranking of the modules, then what promises most.

    `strategy_kwargs`: `storage` and `study_name`, see docs/tune.md. In INC its points have no float, and only static
    quantization has them.
    """
    yield from studied(problem, _sampler)


def _sampler(seed: int) -> Any:
    from optuna.samplers import TPESampler

    with warnings.catch_warnings():  # that `gamma` may go one day
        warnings.simplefilter("ignore")
        return TPESampler(n_startup_trials=1, gamma=lambda count: math.ceil(GOOD * count), seed=seed)
