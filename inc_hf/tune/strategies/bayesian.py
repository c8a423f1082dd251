"""What promises most by a Gaussian process of the trials so far."""

from typing import Any

from inc_hf.tune.problem import Problem, Strategy
from inc_hf.tune.study import studied


def bayesian(problem: Problem) -> Strategy:
    """INC's "bayesian", on Optuna: the default, some draws by the ranking of the modules, then what promises most.

    `strategy_kwargs`: `storage` and `study_name`, see docs/tune.md. In INC its points have no float.
    """
    yield from studied(problem, _sampler)


def _sampler(seed: int) -> Any:
    from optuna.samplers import GPSampler

    return GPSampler(n_startup_trials=1, seed=seed)
