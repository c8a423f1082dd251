"""`tuning` of 1.X as the criteria of 2.X."""

from dataclasses import fields

from inc_hf.config import AccuracyCriterion, TuningCriterion
from inc_hf.migrate.conf.building import built, given
from inc_hf.migrate.conf.sections import Conf


def accuracy_criterion(conf: Conf) -> AccuracyCriterion:
    """Of `tuning.accuracy_criterion`."""
    section, place = conf.tuning.accuracy_criterion, ("tuning", "accuracy_criterion")
    kind = "relative" if section.absolute is None else "absolute"
    settings = {"criterion": kind, "tolerable_loss": getattr(section, kind)}
    if conf.gives(*place, "higher_is_better") or not section.higher_is_better:
        settings["higher_is_better"] = section.higher_is_better
    return built(conf, place, AccuracyCriterion, settings)


def tuning_criterion(conf: Conf) -> TuningCriterion:
    """Of `tuning.strategy`, `exit_policy` and `objective` or `multi_objectives`."""
    tuning = conf.tuning
    place = ("tuning", "strategy")
    if tuning.strategy.name == "sigopt":
        raise conf.error(
            "'sigopt' needs the SigOpt service, which has closed; write `name: bayesian` or `name: tpe`.",
            *place,
            "name",
        )
    kwargs = {}
    if tuning.strategy.name == "mse_v2" and conf.gives(*place, "confidence_batches"):
        kwargs["confidence_batches"] = tuning.strategy.confidence_batches
    settings = {
        **({"strategy": tuning.strategy.name} if conf.gives(*place) else {}),
        "strategy_kwargs": kwargs,
        "timeout": tuning.exit_policy.timeout,
        "max_trials": tuning.exit_policy.max_trials,
        "objective": _objective(conf),
    }
    return built(conf, ("tuning",), TuningCriterion, settings)


def _objective(conf: Conf) -> str | dict[str, list]:
    goals = conf.tuning.multi_objectives
    if goals is None:
        return conf.tuning.objective
    return given(goals, (field.name for field in fields(goals)))
