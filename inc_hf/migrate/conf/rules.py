"""What has to hold between two keys, and what is not for this package at all."""

from inc_hf.config.checks import did_you_mean
from inc_hf.migrate.conf.frameworks import ONNXRUNTIME, OTHERS, PYTORCH
from inc_hf.migrate.conf.sections import Conf

ELSEWHERE = {
    "nas": "searches for an architecture, which this package does not do; train the model that you chose, or take INC "
    "2.6, the last release with NAS.",
    "auto_distillation": "searches for the architecture of a student, which this package does not do; choose one, and "
    "write `distillation`.",
}


def check_rules(conf: Conf) -> None:
    """Refuse what no 2.X config can stand for, and keys that contradict each other.

    Raises:
        ConfError: there are such.
    """
    for name, reason in ELSEWHERE.items():
        if conf.gives(name):
            raise conf.error(reason, name)
    _check_tuning(conf)
    _check_evaluation(conf)
    _check_pruning(conf)


def check_framework(conf: Conf) -> None:
    """Refuse a file for models that this package does not compress.

    Raises:
        ConfError: it is one.
    """
    name = conf.model.framework
    if name in OTHERS:
        raise conf.error(
            f"{name!r} is of {OTHERS[name]} models; this package compresses PyTorch models. Load the model in PyTorch "
            "(`from_pretrained` of transformers) and write `framework: pytorch`, or stay with INC 2.6, the last "
            "release that reads such files.",
            "model",
            "framework",
        )
    known = (*PYTORCH, *ONNXRUNTIME)
    if name not in known:
        raise conf.error(
            f"must be one of {', '.join(known)}, got {name!r}{did_you_mean(name, (*known, *OTHERS))}",
            "model",
            "framework",
        )


def _check_tuning(conf: Conf) -> None:
    if conf.tuning is None:
        return
    place = ("tuning", "accuracy_criterion")
    if conf.gives(*place, "relative") and conf.gives(*place, "absolute"):
        raise conf.error("has both `relative` and `absolute`; keep one.", *place)
    if conf.gives("tuning", "objective") and conf.gives("tuning", "multi_objectives"):
        raise conf.error("is there beside `multi_objectives`; keep one.", "tuning", "objective")
    goals = conf.tuning.multi_objectives
    for name in ("weight", "higher_is_better"):
        values = None if goals is None else getattr(goals, name)
        if values is not None and len(values) != len(goals.objective):
            raise conf.error(
                f"must have one item per objective, {len(goals.objective)}, got {len(values)}.",
                "tuning",
                "multi_objectives",
                name,
            )


def _check_evaluation(conf: Conf) -> None:
    accuracy = None if conf.evaluation is None else conf.evaluation.accuracy
    place = ("evaluation", "accuracy")
    if accuracy is None:
        return
    if accuracy.metric is not None and accuracy.multi_metrics:
        raise conf.error("is there beside `metric`; keep one.", *place, "multi_metrics")
    names = [each.name for each in accuracy.multi_metrics if each.name not in ("weight", "higher_is_better")]
    for each in accuracy.multi_metrics:
        if each.name not in names and len(each.args[""]) != len(names):
            raise conf.error(
                f"must have one item per metric, {len(names)}, got {len(each.args[''])}.",
                *place,
                "multi_metrics",
                each.name,
            )


def _check_pruning(conf: Conf) -> None:
    if conf.pruning is None:
        return
    place = ("pruning", "approach")
    given = [name for name in vars(conf.pruning.approach) if getattr(conf.pruning.approach, name) is not None]
    if len(given) > 1:
        raise conf.error(f"must have one of {', '.join(given)}, got {len(given)}.", *place)
    for name in given:
        section = getattr(conf.pruning.approach, name)
        _check_order(conf, section, (*place, name))
        for i, pruner in enumerate(section.pruners or ()):
            _check_order(conf, pruner, (*place, name, "pruners", str(i)))
    if conf.pruning.train is not None:
        _check_order(conf, conf.pruning.train, ("pruning", "train"))


def _check_order(conf: Conf, section: object, place: tuple[str, ...]) -> None:
    """What ends is not before what begins, as far as both are given there."""
    for low, high in (
        ("start_epoch", "end_epoch"),
        ("start_step", "end_step"),
        ("initial_sparsity", "target_sparsity"),
    ):
        first, last = getattr(section, low, None), getattr(section, high, None)
        both = conf.gives(*place, low) and conf.gives(*place, high)
        if both and last != -1 and last < first:
            raise conf.error(f"must not be below `{low}`, got {last} and {first}.", *place, high)
