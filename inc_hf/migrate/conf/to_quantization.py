"""`quantization` and `mixed_precision` of 1.X as configs of 2.X."""

from typing import Any

from inc_hf.config import MixedPrecisionConfig, PostTrainingQuantConfig, QuantizationAwareTrainingConfig
from inc_hf.migrate.conf.building import built
from inc_hf.migrate.conf.frameworks import DYNAMIC_ONLY, ONNXRUNTIME, backend_of, is_onnxruntime, refuse_onnxruntime
from inc_hf.migrate.conf.quantization_sections import QuantizationSection
from inc_hf.migrate.conf.sections import Conf
from inc_hf.migrate.conf.to_op_dicts import as_regex, float_op, op_dicts
from inc_hf.migrate.conf.to_tuning import accuracy_criterion, tuning_criterion

QAT = "quant_aware_training"


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
        **op_dicts(section),
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
        **op_dicts(section),
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
        "op_name_dict": {as_regex(key): float_op(op) for key, op in section.op_wise.items()},
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
