"""How the configs are used in 2.X, as source text: with the data and the metric that the file names."""

from typing import Any

from inc_hf.migrate.conf.data_sections import DataloaderSection
from inc_hf.migrate.conf.fields import Named
from inc_hf.migrate.conf.kept import reason_against
from inc_hf.migrate.conf.sections import Conf
from inc_hf.migrate.conf.source_text import Call, Code, assignment, source_text

# Metrics of 1.X that `eval_metric` knows
METRICS = {"topk": "topk", "Accuracy": "accuracy", "F1": "f1", "MSE": "mse", "RMSE": "rmse", "MAE": "mae"}
BUILD = "from inc_hf.migrate.conf.data import build_dataloader"
TRAINING = ("distillation", "pruning", "quantization_aware")
VERBS = {
    **dict.fromkeys(TRAINING, "training"),
    "post_training": "quantization",
    "mixed_precision": "mix_precision",
    "benchmark": "benchmark",
}


def calls_of(conf: Conf, names: dict[str, str]) -> tuple[list[str], list[str]]:
    """Lines of imports, and lines that call the verbs of 2.X with the variables of `names`; the model is `model`."""
    imports: list[str] = []
    verbs = sorted({VERBS[kind] for kind in names})
    imports += [f"from inc_hf import {', '.join(verbs)}"] if verbs else []
    lines: list[str] = []
    evaluation = _evaluation(conf, imports, lines)
    if any(kind in names for kind in TRAINING):
        _training(names, lines, evaluation)
    if "post_training" in names:
        _post_training(conf, names["post_training"], imports, lines, evaluation)
    if "mixed_precision" in names:
        lines += _call("model", "mix_precision.fit", ["model", names["mixed_precision"], *evaluation])
    if "benchmark" in names:
        _benchmark(conf, names["benchmark"], imports, lines)
    return imports, lines


def _post_training(conf: Conf, name: str, imports: list[str], lines: list[str], evaluation: list[str]) -> None:
    arguments = ["model", name]
    if conf.quantization.approach != "post_training_dynamic_quant":
        loader = conf.quantization.calibration.dataloader
        lines += _dataloader("calib_dataloader", loader, imports, "batches that activations are measured on")
        arguments.append("calib_dataloader=calib_dataloader")
    lines += _call("model", "quantization.fit", [*arguments, *evaluation])


def _training(names: dict[str, str], lines: list[str], evaluation: list[str]) -> None:
    confs = ", ".join(names[kind] for kind in TRAINING if kind in names)
    lines.append(f"manager = training.prepare_compression(model, [{confs}])")
    if "distillation" in names:
        lines.insert(len(lines) - 1, "# distillation_conf.teacher_model = the model that teaches, or the name of one")
    lines.append("# train_func: your training loop, which calls the hooks of `manager.callbacks`; a Trainer takes")
    lines.append("# callbacks of inc_hf.callbacks instead.")
    lines += _call("result", "training.fit", ["manager", "train_func", *evaluation])


def _benchmark(conf: Conf, name: str, imports: list[str], lines: list[str]) -> None:
    section = conf.evaluation.performance
    lines += _dataloader("b_dataloader", section.dataloader, imports, "batches that are timed")
    lines += _call("speed", "benchmark.fit", ["model", name, "b_dataloader=b_dataloader"])


def _evaluation(conf: Conf, imports: list[str], lines: list[str]) -> list[str]:
    """The arguments that evaluate a model."""
    accuracy = None if conf.evaluation is None else conf.evaluation.accuracy
    if conf.tuning is not None and conf.tuning.exit_policy.performance_only:
        lines.append("# `performance_only`: without an evaluation, nothing is searched.")
        return []
    metrics = [] if accuracy is None else [accuracy.metric] if accuracy.metric else accuracy.multi_metrics
    if len(metrics) == 1 and metrics[0].name in METRICS and accuracy.postprocess is None and accuracy.iteration == -1:
        text = source_text(_metric(metrics[0]))
        lines += _dataloader("eval_dataloader", accuracy.dataloader, imports, "batches (inputs, label)")
        return ["eval_dataloader=eval_dataloader", f"eval_metric={text}"]
    if not _evaluates(conf):
        return []
    lines.append("# eval_func: a function of the model that returns its score" + _what_to_score(conf, metrics))
    return ["eval_func=eval_func"]


def _evaluates(conf: Conf) -> bool:
    return conf.tuning is not None or (conf.evaluation is not None and conf.evaluation.accuracy is not None)


def _metric(metric: Named) -> Any:
    name, k = METRICS[metric.name], metric.args.get("")
    return name if k in (None, 1) and name != "topk" else {name: k} if k is not None else name


def _what_to_score(conf: Conf, metrics: list[Named]) -> str:
    """What the file says of the score."""
    parts = [_setting(metric) for metric in metrics]
    accuracy = None if conf.evaluation is None else conf.evaluation.accuracy
    if accuracy is not None and accuracy.iteration != -1:
        parts.append(f"of the first {accuracy.iteration} batches")
    if accuracy is not None and accuracy.postprocess is not None:
        parts += [f"after {_setting(each)}" for each in accuracy.postprocess.transform]
    if accuracy is not None and accuracy.dataloader is not None:
        parts.append(f"on {_setting(accuracy.dataloader.dataset)}")
    return f": {', '.join(parts)}." if parts else "."


def _setting(named: Named) -> str:
    if "" in named.args:
        return f"{named.name} {named.args['']}"
    return f"{named.name} {named.args}" if named.args else named.name


def _dataloader(variable: str, section: DataloaderSection | None, imports: list[str], what: str) -> list[str]:
    """The lines that make a dataloader, or say what it has to be."""
    if section is None:
        return [f"# {variable}: {what}."]
    if (reason := reason_against(section)) is not None:
        return [f"# {variable}: {what}. {reason}"]
    imports.append(BUILD)
    arguments: list[tuple[str, Any]] = [("", {section.dataset.name: section.dataset.args})]
    if section.batch_size is not None:
        arguments.append(("batch_size=", section.batch_size))
    if section.transform:
        arguments.append(("transform=", {each.name: each.args for each in section.transform}))
    arguments += [("shuffle=", True)] if section.shuffle else []
    arguments += [("last_batch=", "discard")] if section.last_batch == "discard" else []
    return assignment(variable, Call("build_dataloader", arguments))


def _call(variable: str, function: str, arguments: list[str]) -> list[str]:
    return assignment(variable, Call(function, [("", Code(argument)) for argument in arguments]))
