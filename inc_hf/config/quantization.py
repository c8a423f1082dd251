"""Config classes of post-training quantization, quantization-aware training and mixed precision."""

from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal

from inc_hf.config.aliases import also_called
from inc_hf.config.base import ConfigMixin, JsonDict, build
from inc_hf.config.checks import (
    check_bool,
    check_choice,
    check_choices,
    check_int,
    check_string,
    check_strings,
    did_you_mean,
)
from inc_hf.config.criteria import AccuracyCriterion, TuningCriterion
from inc_hf.config.flat import takes_flat_keywords
from inc_hf.config.op_dicts import check_recipes, idle_recipes, normalize_op_dict, recipe
from inc_hf.errors import UsageError

APPROACHES = ("static", "dynamic", "auto", "weight_only")
BACKENDS = (
    "default",
    "torch",
    "onnxruntime",
    "openvino",
    "ipex",
    "itex",
    "onnxrt_trt_ep",
    "onnxrt_cuda_ep",
    "onnxrt_dnnl_ep",
    "onnxrt_dml_ep",
)
DEVICES = ("cpu", "gpu", "npu", "xpu")
DOMAINS = ("auto", "cv", "object_detection", "nlp", "recommendation_system")
PRECISIONS = ("bf16", "fp16")
QUANT_FORMATS = ("default", "QDQ", "QOperator")
SEVEN_BITS = (
    "`reduce_range=True` makes weights 7 bits wide and leaves activations at 8, which costs less accuracy than INC's "
    "way, the reverse."
)
WEIGHT_ONLY = (
    "`weight_only` without a word on bits makes INT8 weights with a scale for each output channel; INC's default has "
    "4 bits in groups of 32. For 4 bits: `op_type_dict={'Linear': {'weight': {'bits': 4}}}`."
)


class _QuantizationMixin(ConfigMixin):
    """What the three configs below have in common."""

    @property
    def use_bf16(self) -> bool:
        """Whether layers that are not quantized may run in bfloat16."""
        return "bf16" not in self.excluded_precisions

    def to_dict(self) -> dict[str, Any]:
        """The fields as values that JSON knows, see [`ConfigMixin.to_dict`]; a container of example inputs is None."""
        values = super().to_dict()
        if isinstance(values.get("example_inputs"), (dict, list)):
            values["example_inputs"] = None
        return values

    def _check_common(self):
        check_choice("device", self.device, DEVICES)
        check_choice("backend", self.backend, BACKENDS)
        self.inputs = check_strings("inputs", self.inputs)
        self.outputs = check_strings("outputs", self.outputs)
        self.op_type_dict = normalize_op_dict("op_type_dict", self.op_type_dict)
        self.op_name_dict = normalize_op_dict("op_name_dict", self.op_name_dict)
        self.excluded_precisions = check_choices("excluded_precisions", self.excluded_precisions, PRECISIONS)
        self.quant_level = _check_quant_level(self.quant_level)
        self.accuracy_criterion = build("accuracy_criterion", self.accuracy_criterion, AccuracyCriterion)
        self.tuning_criterion = build("tuning_criterion", self.tuning_criterion, TuningCriterion)

    def _differences(self) -> list[str]:
        return [SEVEN_BITS] if getattr(self, "reduce_range", None) else []

    def _check_together(self):
        self.accuracy_criterion.check()
        self.tuning_criterion.check()


@also_called(op_type_list="op_type_dict", op_name_list="op_name_dict")
@takes_flat_keywords
@dataclass
class PostTrainingQuantConfig(_QuantizationMixin):
    """
    How to quantize a trained model, and how much accuracy that may cost.

    Args:
        device (`str`, *optional*, defaults to `"cpu"`):
            Where the quantized model is to run: `"cpu"`, `"gpu"`, `"npu"` or `"xpu"`.
        backend (`str`, *optional*, defaults to `"default"`):
            The runtime: `"default"` (this package's kernels), `"torch"`, `"onnxruntime"`, `"openvino"`, `"ipex"`,
            `"itex"`, `"onnxrt_trt_ep"`, `"onnxrt_cuda_ep"`, `"onnxrt_dnnl_ep"` or `"onnxrt_dml_ep"`.
        domain (`str`, *optional*, defaults to `"auto"`):
            `"auto"`, `"cv"`, `"object_detection"`, `"nlp"` or `"recommendation_system"`.
        recipes (`dict` or `str`, *optional*):
            Switches of the quantization, such as `{"smooth_quant": True, "smooth_quant_args": {"alpha": 0.8}}`, or
            their JSON text; the names and defaults are in `RECIPES`. Only what the user gave is stored: read a value
            with [`~PostTrainingQuantConfig.recipe`]. Without an alpha, or with `"auto"`, each layer gets the one that
            changes its output least; `auto_alpha_args` can say which ones are tried (`alpha_min`, `alpha_max`,
            `alpha_step`). `fast_bias_correction` moves the biases of Linear layers by the mean error of their outputs.
        quant_format (`str`, *optional*, defaults to `"default"`):
            Form of an exported ONNX model: `"default"`, `"QDQ"` or `"QOperator"`. With one of the last two all scales
            are static, and layers are smoothed unless `recipes` say otherwise: runtimes are slow on scales per token.
        inputs (`list[str]`, *optional*, defaults to `[]`):
            Names of the model's inputs.
        outputs (`list[str]`, *optional*, defaults to `[]`):
            Names of the model's outputs.
        approach (`str`, *optional*, defaults to `"static"`):
            `"static"`, `"dynamic"`, `"auto"` or `"weight_only"`. INC's longer names, such as
            `"post_training_static_quant"`, are accepted; the short one is stored. `"static"` gives the two
            products of feed-forward blocks a scale per token, unless another setting speaks of their activations,
            such as `{"activation": {"granularity": "per_tensor"}}`. `"auto"` is what agrees best with the float model
            on the calibration data, or first meets the goal where there is an evaluation; without data it is dynamic.
        calibration_sampling_size (`int` or `list[int]`, *optional*, defaults to `[100]`):
            How many samples calibrate the activations; several numbers are tried in turn. Stored as a list.
        op_type_dict (`dict` or `str`, *optional*):
            Settings of layer types, `{regex: {"weight": {...}, "activation": {...}}}`, or their JSON text; the regular
            expression has to match the whole type, and `Conv` stands for all convolutions. The sections take `dtype`,
            `scheme`, `granularity` and `algorithm`, the weight also `bits` and `group_size`; the options are in
            `WEIGHT_CHOICES` and `ACTIVATION_CHOICES`.
            Every setting is stored as a list of options; None is stored as `{}`.
        op_name_dict (`dict` or `str`, *optional*):
            The same by layer name, stronger than `op_type_dict`. The name `default_qconfig` stands for every layer
            that no other key matches.
        reduce_range (`bool`, *optional*):
            `True` means 7-bit *weights* (from -63 to 63) with 8-bit activations, `False` 8-bit weights, None decides
            by the CPU: 7 bits if it has no VNNI instructions, because 8-bit products could overflow there. INC makes
            the activations 7-bit instead, which costs more accuracy.
        example_inputs (*optional*):
            Inputs of one forward call, for backends that trace the model. Not part of a comparison of two configs.
        excluded_precisions (`list[str]`, *optional*, defaults to `[]`):
            Precisions that layers must not fall back to: `"bf16"`, `"fp16"`.
        quant_level (`str` or `int`, *optional*, defaults to `"auto"`):
            0 quantizes layer type by layer type, 1 follows `tuning_criterion.strategy`, `"auto"` tries the default,
            then 0, then the strategy.
        accuracy_criterion (`AccuracyCriterion`, `dict` or `str`, *optional*):
            The accuracy goal. A dict or its JSON text becomes an [`AccuracyCriterion`], None the default one.
        tuning_criterion (`TuningCriterion`, `dict` or `str`, *optional*):
            The search. A dict or its JSON text becomes a [`TuningCriterion`], None the default one.
        diagnosis (`bool`, *optional*, defaults to `False`):
            Whether to make one trial only and report how far weights and activations are from the float model's.
        ni_workload_name (`str`, *optional*, defaults to `"quantization"`):
            Name of the run in a diagnosis report.
    """

    UNREAD = ("inputs", "outputs", "domain", "excluded_precisions", "ni_workload_name")

    device: str = "cpu"
    backend: str = "default"
    domain: str = "auto"
    recipes: JsonDict = field(default_factory=dict)
    quant_format: str = "default"
    inputs: list[str] | str = field(default_factory=list)
    outputs: list[str] | str = field(default_factory=list)
    approach: str = "static"
    calibration_sampling_size: int | list[int] | str = field(default_factory=lambda: [100])
    op_type_dict: JsonDict = None
    op_name_dict: JsonDict = None
    reduce_range: bool | None = None
    example_inputs: Any = field(default=None, compare=False, repr=False)
    excluded_precisions: list[str] | str = field(default_factory=list)
    quant_level: Literal["auto", 0, 1] = "auto"
    accuracy_criterion: AccuracyCriterion | str | dict | None = None
    tuning_criterion: TuningCriterion | str | dict | None = None
    diagnosis: bool = False
    ni_workload_name: str = "quantization"

    def _check_fields(self):
        self._check_common()
        check_choice("domain", self.domain, DOMAINS)
        self.recipes = check_recipes("recipes", self.recipes)
        check_choice("quant_format", self.quant_format, QUANT_FORMATS)
        self.approach = check_approach(self.approach)
        self.calibration_sampling_size = _check_sampling_size(self.calibration_sampling_size)
        if self.reduce_range is not None:
            check_bool("reduce_range", self.reduce_range)
        check_bool("diagnosis", self.diagnosis)
        check_string("ni_workload_name", self.ni_workload_name)

    def _differences(self) -> list[str]:
        settings = [*self.op_type_dict.values(), *self.op_name_dict.values()]
        is_told = any({"bits", "dtype"} & each.get("weight", {}).keys() for each in settings)
        eight_bits = self.approach == "weight_only" and not is_told
        return super()._differences() + ([WEIGHT_ONLY] if eight_bits else [])

    def _idle(self) -> list[str]:
        return super()._idle() + idle_recipes(self.recipes)

    def recipe(self, name: str) -> Any:
        """Value of the recipe `name`: the user's, otherwise the default from `RECIPES`."""
        return recipe(self.recipes, name)


@also_called(op_type_list="op_type_dict", op_name_list="op_name_dict")
@takes_flat_keywords
@dataclass
class QuantizationAwareTrainingConfig(_QuantizationMixin):
    """
    How to train a model so that it keeps its accuracy when it is quantized.

    Args:
        device (`str`, *optional*, defaults to `"cpu"`):
            Where the quantized model is to run: `"cpu"`, `"gpu"`, `"npu"` or `"xpu"`.
        backend (`str`, *optional*, defaults to `"default"`):
            The runtime, one of those of [`PostTrainingQuantConfig`].
        inputs (`list[str]`, *optional*, defaults to `[]`):
            Names of the model's inputs.
        outputs (`list[str]`, *optional*, defaults to `[]`):
            Names of the model's outputs.
        op_type_dict (`dict` or `str`, *optional*):
            Settings of layer types, see [`PostTrainingQuantConfig`]. INC only takes exact names here; these are
            regular expressions. Layers whose activations have a `scheme`, an `algorithm`, the dtype uint8 or the
            granularity `per_tensor` are static, others, where INC's are static, too, have a scale per token.
        op_name_dict (`dict` or `str`, *optional*):
            The same by layer name, stronger than `op_type_dict`.
        reduce_range (`bool`, *optional*):
            `True` means 7-bit *weights* (from -63 to 63) with 8-bit activations, `False` 8-bit weights, None decides
            by the CPU: 7 bits if it has no VNNI instructions. INC makes the activations 7-bit instead.
        model_name (`str`, *optional*, defaults to `""`):
            Name of the model in logs.
        quant_format (`str`, *optional*, defaults to `"default"`):
            Form of an exported ONNX model: `"default"`, `"QDQ"` or `"QOperator"`.
        excluded_precisions (`list[str]`, *optional*, defaults to `[]`):
            Precisions that layers must not fall back to: `"bf16"`, `"fp16"`.
        quant_level (`str` or `int`, *optional*, defaults to `"auto"`):
            `"auto"`, 0 or 1, see [`PostTrainingQuantConfig`].
        accuracy_criterion (`AccuracyCriterion`, `dict` or `str`, *optional*):
            The accuracy goal. A dict or its JSON text becomes an [`AccuracyCriterion`], None the default one.
        tuning_criterion (`TuningCriterion`, `dict` or `str`, *optional*):
            In `training.fit`, the search for the modules that go back to float where training misses the goal. A dict
            or its JSON text becomes a [`TuningCriterion`], None the default one.
    """

    UNREAD = ("inputs", "outputs", "model_name", "quant_format", "excluded_precisions")

    device: str = "cpu"
    backend: str = "default"
    inputs: list[str] | str = field(default_factory=list)
    outputs: list[str] | str = field(default_factory=list)
    op_type_dict: JsonDict = None
    op_name_dict: JsonDict = None
    reduce_range: bool | None = None
    model_name: str = ""
    quant_format: str = "default"
    excluded_precisions: list[str] | str = field(default_factory=list)
    quant_level: Literal["auto", 0, 1] = "auto"
    accuracy_criterion: AccuracyCriterion | str | dict | None = None
    tuning_criterion: TuningCriterion | str | dict | None = None

    def _check_fields(self):
        self._check_common()
        if self.reduce_range is not None:
            check_bool("reduce_range", self.reduce_range)
        check_string("model_name", self.model_name)
        check_choice("quant_format", self.quant_format, QUANT_FORMATS)

    @property
    def approach(self) -> str:
        """Always `"quant_aware_training"`."""
        return "quant_aware_training"


@also_called(precision="precisions")
@takes_flat_keywords
@dataclass
class MixedPrecisionConfig(_QuantizationMixin):
    """
    Which layers to run in a 16-bit float format.

    Args:
        device (`str`, *optional*, defaults to `"cpu"`):
            Where the model is to run: `"cpu"`, `"gpu"`, `"npu"` or `"xpu"`.
        backend (`str`, *optional*, defaults to `"default"`):
            The runtime, one of those of [`PostTrainingQuantConfig`].
        precisions (`str` or `list[str]`, *optional*, defaults to `["bf16"]`):
            The formats to use: `"bf16"`, `"fp16"`. Stored as a list. At least one must not be excluded.
        model_name (`str`, *optional*, defaults to `""`):
            Name of the model in logs.
        inputs (`list[str]`, *optional*, defaults to `[]`):
            Names of the model's inputs.
        outputs (`list[str]`, *optional*, defaults to `[]`):
            Names of the model's outputs.
        quant_level (`str` or `int`, *optional*, defaults to `"auto"`):
            0 falls back to float32 layer type by layer type, 1 layer by layer, `"auto"` first the one, then the other.
        tuning_criterion (`TuningCriterion`, `dict` or `str`, *optional*):
            The search. A dict or its JSON text becomes a [`TuningCriterion`], None the default one.
        accuracy_criterion (`AccuracyCriterion`, `dict` or `str`, *optional*):
            The accuracy goal. A dict or its JSON text becomes an [`AccuracyCriterion`], None the default one.
        excluded_precisions (`list[str]`, *optional*, defaults to `[]`):
            Precisions that must not be used: `"bf16"`, `"fp16"`.
        op_name_dict (`dict` or `str`, *optional*):
            Settings by layer name, see [`PostTrainingQuantConfig`]. INC needs lists of options here; a single option
            is enough.
        op_type_dict (`dict` or `str`, *optional*):
            The same by layer type.
        example_inputs (*optional*):
            Inputs of one forward call, for backends that trace the model. Not part of a comparison of two configs.
    """

    UNREAD = ("inputs", "outputs", "model_name")

    device: str = "cpu"
    backend: str = "default"
    precisions: list[str] | str = field(default_factory=lambda: ["bf16"])
    model_name: str = ""
    inputs: list[str] | str = field(default_factory=list)
    outputs: list[str] | str = field(default_factory=list)
    quant_level: Literal["auto", 0, 1] = "auto"
    tuning_criterion: TuningCriterion | str | dict | None = None
    accuracy_criterion: AccuracyCriterion | str | dict | None = None
    excluded_precisions: list[str] | str = field(default_factory=list)
    op_name_dict: JsonDict = field(default_factory=dict)
    op_type_dict: JsonDict = field(default_factory=dict)
    example_inputs: Any = field(default=None, compare=False, repr=False)

    def _check_fields(self):
        self._check_common()
        self.precisions = check_choices("precisions", self.precisions, PRECISIONS)
        check_string("model_name", self.model_name)

    def _idle(self) -> list[str]:
        unused = "fp16" in self.precisions and "bf16" in set(self.precisions) - set(self.excluded_precisions)
        return super()._idle() + (["'fp16' in `precisions`"] if unused else [])

    def _check_together(self):
        super()._check_together()
        if not set(self.precisions) - set(self.excluded_precisions):
            raise UsageError(
                f"`precisions` {self.precisions} leaves nothing to use beside `excluded_precisions` "
                f"{self.excluded_precisions}; give at least one of {', '.join(PRECISIONS)} that is not excluded."
            )


def check_approach(value: Any) -> str:
    """One of `APPROACHES`, which INC also calls `post_training_static_quant` and the like."""
    name = check_string("approach", value).removeprefix("post_training_").removesuffix("_quant")
    if name in APPROACHES:
        return name
    raise UsageError(
        f"`approach` must be one of {', '.join(APPROACHES)}, got {value!r}{did_you_mean(value, APPROACHES)}"
    )


def _check_sampling_size(value: Any) -> list[int]:
    name = "calibration_sampling_size"
    if not isinstance(value, (list, tuple)):
        return [check_int(name, value, low=1)]
    if not value:
        raise UsageError(f"`{name}` is an empty list; give at least one number of samples.")
    return [check_int(f"{name}[{i}]", size, low=1) for i, size in enumerate(value)]


def _check_quant_level(value: Any) -> str | int:
    if value in ("0", "1") or isinstance(value, Integral) and not isinstance(value, bool) and value in (0, 1):
        return int(value)
    if value != "auto":
        raise UsageError(f"`quant_level` must be one of auto, 0, 1, got {value!r}{did_you_mean(value, ['auto'])}")
    return value
