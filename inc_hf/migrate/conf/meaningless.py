"""What means nothing any more, in one list, and why."""

from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from inc_hf.migrate.conf.sections import Conf, Ignored


class Meaningless(NamedTuple):
    """A key, with `*` for any part of it; `when` says in which confs, None is in all."""

    key: str
    reason: str
    when: Callable[[Conf], bool] | None = None


def _is_qat(conf: Conf) -> bool:
    return conf.quantization is not None and conf.quantization.approach == "quant_aware_training"


def _is_dynamic(conf: Conf) -> bool:
    return conf.quantization is not None and conf.quantization.approach == "post_training_dynamic_quant"


def _is_not_mse_v2(conf: Conf) -> bool:
    return conf.tuning is None or conf.tuning.strategy.name != "mse_v2"


def _has_mixed_precision(conf: Conf) -> bool:
    return conf.mixed_precision is not None


def _has_no_quantization(conf: Conf) -> bool:
    return conf.quantization is None


TENSORFLOW = "only TensorFlow models had it"
SIGOPT = "the SigOpt service has closed"
UNREAD = "1.X did not read it"
LOOP = f"{UNREAD}, and the training loop is yours"
IN_EPOCHS = "`weight_compression` counts in epochs"
IN_STEPS = "`weight_compression_pytorch` counts in steps"
POST_TRAINING = "it is of post-training quantization, and the approach is quant_aware_training"
INSPECTION = "`diagnosis=True` looks at the weights and activations of all layers"
THREADS = "it is a setting of Intel's OpenMP; `inc_hf.benchmark` binds the cores itself"

MEANINGLESS = (
    Meaningless("version", "it says which INC the file was written for"),
    Meaningless("model.name", "INC named its folders and logs by it"),
    Meaningless("model_conversion*", TENSORFLOW),
    Meaningless("train*", "only the search for architectures read it"),
    Meaningless("graph_optimization*", "`mixed_precision` is there, too, and means the same", _has_mixed_precision),
    Meaningless("quantization.recipes.scale_propagation_*", TENSORFLOW),
    Meaningless("quantization.recipes*", POST_TRAINING, _is_qat),
    Meaningless("quantization.advance*", POST_TRAINING, _is_qat),
    Meaningless("quantization.calibration*", POST_TRAINING, _is_qat),
    Meaningless("quantization.calibration*", "dynamic quantization needs no data", _is_dynamic),
    Meaningless("quantization.*.weight.bit", TENSORFLOW),
    Meaningless("quantization.*.activation.compute_dtype", "products of 8-bit integers are summed in 32 bits"),
    Meaningless("*train.frequency", LOOP),
    Meaningless("*train.hostfile", "start several machines with torchrun or accelerate"),
    Meaningless("*train.execution_mode", TENSORFLOW),
    Meaningless("*train.postprocess*", "the loss is computed in the training loop, which is yours"),
    Meaningless("*.dataloader.filter*", "only datasets of TensorFlow's records had filters"),
    Meaningless("*.dataloader.distributed", "torchrun or accelerate share out the data"),
    Meaningless("tuning.strategy.sigopt_*", SIGOPT),
    Meaningless("tuning.strategy.accuracy_weight", "`multi_objectives.weight` says what weighs how much"),
    Meaningless("tuning.strategy.latency_weight", "`multi_objectives.weight` says what weighs how much"),
    Meaningless("tuning.strategy.confidence_batches", "only the strategy mse_v2 has it", _is_not_mse_v2),
    Meaningless("tuning.strategy.hawq_v2_loss", "it is a function, which no file can hold"),
    Meaningless("tuning.diagnosis.op_list", INSPECTION),
    Meaningless("tuning.diagnosis.iteration_list", INSPECTION),
    Meaningless("tuning.diagnosis.inspect_type", INSPECTION),
    Meaningless("tuning.diagnosis.save_to_disk", INSPECTION),
    Meaningless("tuning.diagnosis.save_path", "reports go to the workspace, `tuning.workspace.path`"),
    Meaningless("tuning.diagnosis*", POST_TRAINING, lambda conf: _is_qat(conf) or _has_no_quantization(conf)),
    Meaningless("evaluation.*.configs.kmp_*", THREADS),
    Meaningless("evaluation.performance.postprocess*", "the time of a model has no postprocessing in it"),
    Meaningless("pruning.approach.weight_compression_pytorch.*initial_sparsity", UNREAD),
    Meaningless("pruning.approach.weight_compression.start_step", IN_EPOCHS),
    Meaningless("pruning.approach.weight_compression.end_step", IN_EPOCHS),
    Meaningless("pruning.approach.weight_compression.update_frequency_on_step", IN_EPOCHS),
    Meaningless("pruning.approach.weight_compression.pruners.*.start_step", IN_EPOCHS),
    Meaningless("pruning.approach.weight_compression.pruners.*.end_step", IN_EPOCHS),
    Meaningless("pruning.approach.weight_compression.pruners.*.update_frequency_on_step", IN_EPOCHS),
    Meaningless("pruning.approach.weight_compression_pytorch.start_epoch", IN_STEPS),
    Meaningless("pruning.approach.weight_compression_pytorch.end_epoch", IN_STEPS),
    Meaningless("pruning.approach.weight_compression_pytorch.update_frequency", IN_STEPS),
    Meaningless("pruning.approach.weight_compression_pytorch.pruners.*.start_epoch", IN_STEPS),
    Meaningless("pruning.approach.weight_compression_pytorch.pruners.*.end_epoch", IN_STEPS),
    Meaningless("pruning.approach.weight_compression_pytorch.pruners.*.update_frequency", IN_STEPS),
    Meaningless("pruning.approach.*.pruners.*.method", "`prune_domain: local` lets scores compete per tensor"),
)

# Options of layers that this package has not; INC left out silently what a framework had not. A key with other
# options keeps those.
UNAVAILABLE = {
    ("weight", "scheme"): (("asym", "asym_float"), "weights are symmetric here"),
    ("activation", "granularity"): (("per_channel",), "activations have one scale per tensor or token here"),
    ("activation", "algorithm"): (("placeholder",), "dynamic quantization needs no observer"),
}


def available(part: str, name: str, options: list) -> list:
    """The options of a key of layers that this package has."""
    unavailable, _ = UNAVAILABLE.get((part, name), ((), ""))
    return [option for option in options if option not in unavailable]


def ignored_keys(conf: Conf) -> list[Ignored]:
    """The keys of a conf that mean nothing any more; of a section that means nothing, only the section."""
    found: list[Ignored] = []
    sections: list[tuple[str, ...]] = []
    for where, line in conf.lines.items():
        reason = reason_of(".".join(where), conf) or _reason_of_options(conf, where)
        if reason is not None and not any(where[: len(section)] == section for section in sections):
            sections.append(where)
            found.append(Ignored(".".join(where), line, reason))
    return found


def _reason_of_options(conf: Conf, where: tuple[str, ...]) -> str | None:
    """Why the options of a key of layers are none here."""
    if where[0] != "quantization" or where[-2:] not in UNAVAILABLE:
        return None
    value: Any = conf
    for part in where:
        value = value.get(part) if isinstance(value, dict) else getattr(value, part)
    return None if available(*where[-2:], value) else UNAVAILABLE[where[-2:]][1]


def reason_of(key: str, conf: Conf) -> str | None:
    """Why a key means nothing in this conf, or None."""
    for entry in MEANINGLESS:
        if fnmatchcase(key, entry.key) and (entry.when is None or entry.when(conf)):
            return entry.reason
    return None
