"""The sections about quantization and mixed precision."""

from dataclasses import dataclass

from inc_hf.migrate.conf.data_sections import DataloaderSection, TrainSection
from inc_hf.migrate.conf.fields import key, section, sections_by_name
from inc_hf.migrate.conf.list_values import choices, list_of, positive_integers
from inc_hf.migrate.conf.values import choice, flag, integer, number

APPROACHES = (
    "post_training_static_quant",
    "post_training_dynamic_quant",
    "post_training_auto_quant",
    "quant_aware_training",
)
DTYPES = ("int8", "uint8", "fp32", "bf16", "fp16")
GRANULARITIES = choices(("per_channel", "per_tensor"))
BITS = list_of(number(low=0, high=8, open_low=True), "a list of numbers of bits, or numbers between commas")


@dataclass
class WeightSection:
    """`weight` of layers; what is None was not given."""

    granularity: list[str] | None = key(GRANULARITIES)
    scheme: list[str] | None = key(choices(("asym", "sym", "asym_float")))
    dtype: list[str] | None = key(choices(DTYPES))
    algorithm: list[str] | None = key(choices(("minmax",)))
    bit: list[float] | None = key(BITS)


@dataclass
class ActivationSection:
    """`activation` of layers; what is None was not given."""

    granularity: list[str] | None = key(GRANULARITIES)
    scheme: list[str] | None = key(choices(("asym", "sym")))
    dtype: list[str] | None = key(choices(DTYPES))
    compute_dtype: list[str] | None = key(choices(("int8", "uint8", "fp32", "bf16", "None")))
    algorithm: list[str] | None = key(choices(("minmax", "kl", "placeholder")))


@dataclass
class OpSection:
    """What layers of a type or a name get."""

    weight: WeightSection | None = section(WeightSection)
    activation: ActivationSection | None = section(ActivationSection)


@dataclass
class CalibrationSection:
    """`calibration`: the data that activations are measured on."""

    sampling_size: list[int] = key(positive_integers, [100])
    dataloader: DataloaderSection | None = section(DataloaderSection)


@dataclass
class RecipesSection:
    """`recipes`: switches of the quantization."""

    scale_propagation_max_pooling: bool = key(flag, True)
    scale_propagation_concat: bool = key(flag, True)
    first_conv_or_matmul_quantization: bool = key(flag, True)
    last_conv_or_matmul_quantization: bool = key(flag, True)
    pre_post_process_quantization: bool = key(flag, True)
    fast_bias_correction: bool = key(flag, False)
    weight_correction: bool = key(flag, False)


@dataclass
class AdvanceSection:
    """`advance`."""

    bias_correction: str | None = key(choice(("weight_empirical",)))


@dataclass
class QuantizationSection:
    """`quantization`."""

    approach: str = key(choice(APPROACHES), "post_training_static_quant")
    train: TrainSection | None = section(TrainSection)
    advance: AdvanceSection | None = section(AdvanceSection)
    calibration: CalibrationSection = section(CalibrationSection, always=True)
    recipes: RecipesSection = section(RecipesSection, always=True)
    model_wise: OpSection = section(OpSection, always=True)
    optype_wise: dict[str, OpSection] = sections_by_name(OpSection)
    op_wise: dict[str, OpSection] = sections_by_name(OpSection)
    quant_level: int | None = key(integer(low=0))


FLOATS = choices(("fp32", "bf16", "fp16"))


@dataclass
class FloatSection:
    """`weight` or `activation` of a layer that stays in a float format."""

    dtype: list[str] | None = key(FLOATS)


@dataclass
class FloatOpSection:
    """What layers of a name get."""

    weight: FloatSection | None = section(FloatSection)
    activation: FloatSection | None = section(FloatSection)


@dataclass
class MixedPrecisionSection:
    """`mixed_precision`."""

    precisions: list[str] = key(FLOATS, ["fp32"])
    op_wise: dict[str, FloatOpSection] = sections_by_name(FloatOpSection)


@dataclass
class GraphOptimizationSection(MixedPrecisionSection):
    """`graph_optimization`, an older name of mixed precision."""


@dataclass
class ModelConversionSection:
    """`model_conversion`, of TensorFlow only."""

    source: str = key(choice(("qat", "QAT")), required=True)
    destination: str = key(choice(("default",)), required=True)
