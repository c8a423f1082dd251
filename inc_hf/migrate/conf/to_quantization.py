"""`quantization`, `mixed_precision` and `tuning` of 1.X as configs of 2.X."""

import re
from dataclasses import fields
from typing import Any

from inc_hf.config import (
    AccuracyCriterion,
    MixedPrecisionConfig,
    PostTrainingQuantConfig,
    QuantizationAwareTrainingConfig,
    TuningCriterion,
)
from inc_hf.migrate.conf.building import built, given
from inc_hf.migrate.conf.frameworks import DYNAMIC_ONLY, ONNXRUNTIME, backend_of, is_onnxruntime, refuse_onnxruntime
from inc_hf.migrate.conf.meaningless import available
from inc_hf.migrate.conf.quantization_sections import (
    ActivationSection,
    FloatOpSection,
    OpSection,
    QuantizationSection,
    WeightSection,
)
from inc_hf.migrate.conf.sections import Conf

QAT = "quant_aware_training"
KEYS = ("granularity", "scheme", "dtype", "algorithm")


def post_training_config(conf: Conf) -> PostTrainingQuantConfig | None:
    """Of `quantization`, unless its approach is `quant_aware_training`."""
    section = conf.quantization
    if section is None or section.approach == QAT:
        return None
    settings = {
        **_common(conf),
        "approach": "dynamic" if conf.model.framework in DYNAMIC_ONLY else section.approach,
        "calibration_sampling_size": section.calibration.sampling_size,
        "recipes": _recipes(section),
        **_op_dicts(section),
        **_levels(conf),
        **({} if conf.reduce_range is None else {"reduce_range": conf.reduce_range}),
        **({} if conf.use_bf16 else {"excluded_precisions": ["bf16"]}),
        **({"diagnosis": True} if conf.tuning and conf.tuning.diagnosis.diagnosis_after_tuning else {}),
    }
    if is_onnxruntime(conf) and "dynamic" not in settings["approach"]:
        settings["quant_format"] = ONNXRUNTIME[conf.model.framework]
    return built(conf, ("quantization",), PostTrainingQuantConfig, settings)


def quantization_aware_config(conf: Conf) -> QuantizationAwareTrainingConfig | None:
    """Of `quantization`, if its approach is `quant_aware_training`."""
    section = conf.quantization
    if section is None or section.approach != QAT:
        return None
    refuse_onnxruntime(conf, "quantization")
    settings = {
        **_common(conf),
        **_op_dicts(section),
        **_levels(conf),
        **({} if conf.reduce_range is None else {"reduce_range": conf.reduce_range}),
        **({} if conf.use_bf16 else {"excluded_precisions": ["bf16"]}),
    }
    return built(conf, ("quantization",), QuantizationAwareTrainingConfig, settings)


def mixed_precision_config(conf: Conf) -> MixedPrecisionConfig | None:
    """Of `mixed_precision`, otherwise of `graph_optimization`."""
    name = "mixed_precision" if conf.mixed_precision is not None else "graph_optimization"
    section = getattr(conf, name)
    if section is None:
        return None
    refuse_onnxruntime(conf, name)
    precisions = [precision for precision in section.precisions if precision != "fp32"]
    if not precisions:
        raise conf.error(
            "has only fp32, with which nothing changes; write `precisions: bf16`, or delete the section.",
            name,
            "precisions",
        )
    settings = {
        **_common(conf),
        "precisions": precisions,
        "op_name_dict": {_as_regex(key): _float_op(op) for key, op in section.op_wise.items()},
        **_levels(conf),
        **({} if conf.use_bf16 else {"excluded_precisions": ["bf16"]}),
    }
    return built(conf, (name,), MixedPrecisionConfig, settings)


def _common(conf: Conf) -> dict[str, Any]:
    settings = {
        "device": conf.device,
        "backend": backend_of(conf),
        "inputs": conf.model.inputs,
        "outputs": conf.model.outputs,
    }
    if conf.tuning is not None:
        settings["accuracy_criterion"] = accuracy_criterion(conf)
        settings["tuning_criterion"] = tuning_criterion(conf)
    return settings


def _levels(conf: Conf) -> dict[str, int]:
    """INC 1.X had no levels: who chose a strategy got it, which is level 1."""
    level = conf.quantization.quant_level if conf.quantization is not None else None
    level = conf.quant_level if level is None else level
    if level is None and conf.gives("tuning", "strategy"):
        level = 1
    return {} if level is None else {"quant_level": level}


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


def _recipes(section: QuantizationSection) -> dict[str, bool]:
    """Those that differ from the default, which is the same in 2.X."""
    off = {
        name: False
        for name in (
            "first_conv_or_matmul_quantization",
            "last_conv_or_matmul_quantization",
            "pre_post_process_quantization",
        )
        if not getattr(section.recipes, name)
    }
    on = {name: True for name in ("fast_bias_correction", "weight_correction") if getattr(section.recipes, name)}
    if section.advance is not None and section.advance.bias_correction:
        on["weight_correction"] = True  # "weight_empirical" shifts the quantized weights
    return {**off, **on}


def _op_dicts(section: QuantizationSection) -> dict[str, dict]:
    """`model_wise` is weaker than `optype_wise`: it comes first."""
    everywhere = _op(section.model_wise)
    types = {_as_regex(name): _op(op) for name, op in section.optype_wise.items()}
    names = {_as_regex(name): _op(op) for name, op in section.op_wise.items()}
    found = {
        "op_type_dict": {**({".*": everywhere} if everywhere else {}), **_with_settings(types)},
        "op_name_dict": _with_settings(names),
    }
    return {name: ops for name, ops in found.items() if ops}


def _with_settings(ops: dict[str, dict]) -> dict[str, dict]:
    return {name: op for name, op in ops.items() if op}


def _op(section: OpSection) -> dict[str, dict[str, list]]:
    """One section of layers as 2.X has it, without what was not given or is not available."""
    parts = {name: getattr(section, name) for name in ("weight", "activation")}
    found = {name: _part(name, part) for name, part in parts.items() if part is not None}
    return {name: settings for name, settings in found.items() if settings}


def _part(name: str, section: WeightSection | ActivationSection) -> dict[str, list]:
    options = {key: available(name, key, value) for key, value in given(section, KEYS).items()}
    return {key: value for key, value in options.items() if value}


def _float_op(section: FloatOpSection) -> dict[str, dict[str, list]]:
    parts = {name: getattr(section, name) for name in ("weight", "activation")}
    return {name: {"dtype": part.dtype} for name, part in parts.items() if part is not None and part.dtype}


def _as_regex(name: str) -> str:
    """A name of 1.X, which may be a regular expression, as one; what is none is taken by its letters."""
    try:
        re.compile(name)
    except re.error:
        return re.escape(name)
    return name
