"""The study of a problem: made, found again, or refused since it is of another one."""

import contextlib
import math
from typing import Any

import optuna
from optuna import Study
from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage
from optuna.study import StudyDirection

from inc_hf.errors import UsageError
from inc_hf.tune.problem import Problem
from inc_hf.tune.study.loudness import as_loud_as_us
from inc_hf.tune.study.points import Points

WHAT = "problem"  # attribute of a study


def study_of(problem: Problem, points: Points, storage: BaseStorage, name: str | None, where: str) -> Study:
    """The study of this name, made if it is not there; without a name one that is named by the strategy and the model.

    Raises:
        ValueError: the study of this name is of another model, other options, or another evaluation.
    """
    mine = {
        "model": problem.model, "options": points.fingerprint, "baseline": problem.goal.baseline,
        "higher_is_better": problem.goal.criterion.higher_is_better,
    }  # fmt: skip
    if name is not None:
        if difference := _difference(study := _opened(storage, name), mine):
            raise UsageError(
                f"The study {name!r} in {where} is of {difference}; give another `study_name` in `strategy_kwargs`."
            )
        return study
    base, number = f"{problem.tuning.strategy}-{problem.model[:8]}{points.fingerprint[:8]}", 1
    while _difference(study := _opened(storage, base if number == 1 else f"{base}-{number}"), mine):
        number += 1  # the same model by another evaluation
    return study


def _opened(storage: BaseStorage, name: str) -> Study:
    with as_loud_as_us(), contextlib.suppress(KeyError):
        return optuna.load_study(storage=storage, study_name=name)  # which writes nothing
    with as_loud_as_us():
        return optuna.create_study(storage=storage, study_name=name, load_if_exists=True)


def _difference(study: Study, mine: dict[str, Any]) -> str:
    """What a study is of, if it is not of this; one that is new is, from now on."""
    known = study.user_attrs.get(WHAT)
    if known is None:
        if study.get_trials(deepcopy=False) or study.direction != StudyDirection.MINIMIZE:
            return "something else"
        with contextlib.suppress(StorageInternalError):  # a database of which another process has just said it
            study.set_user_attr(WHAT, mine)
        known = study.user_attrs[WHAT]
    if known["model"] != mine["model"]:
        return "another model"
    if known["options"] != mine["options"]:
        return "another config, with other modules or options"
    same = str(known["baseline"]) == str(mine["baseline"])  # also if it is no number
    if not same and not math.isclose(known["baseline"], mine["baseline"], rel_tol=1e-4, abs_tol=1e-9):
        return f"another evaluation: the float model scored {known['baseline']:.4f} there, {mine['baseline']:.4f} now"
    same_way = known["higher_is_better"] == mine["higher_is_better"]
    return "" if same_way else "an evaluation that counts the other way"
