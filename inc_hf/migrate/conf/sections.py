"""A conf of INC 1.X as a whole."""

from dataclasses import dataclass, field
from pathlib import Path

from inc_hf.migrate.conf.data_sections import TrainSection
from inc_hf.migrate.conf.errors import ConfError
from inc_hf.migrate.conf.fields import key, section
from inc_hf.migrate.conf.list_values import texts
from inc_hf.migrate.conf.pruning_sections import DistillationSection, PruningSection
from inc_hf.migrate.conf.quantization_sections import (
    GraphOptimizationSection,
    MixedPrecisionSection,
    ModelConversionSection,
    QuantizationSection,
)
from inc_hf.migrate.conf.tuning_sections import EvaluationSection, TuningSection
from inc_hf.migrate.conf.values import choice, flag, integer, mapping, text, version

Where = tuple[str, ...]


@dataclass
class ModelSection:
    """`model`."""

    name: str = key(text, "default_model_name", required=True)
    framework: str = key(text, "NA", required=True)
    inputs: list[str] = key(texts, [])
    outputs: list[str] = key(texts, [])


@dataclass
class Ignored:
    """A key that means nothing any more, and why."""

    key: str
    line: int | None
    reason: str


@dataclass
class Conf:
    """What a YAML file of INC 1.X says; a section that was not given is None.

    `lines` has where each key stands, by its path such as `("tuning", "random_seed")`; None in a conf from a dict.
    """

    model: ModelSection = section(ModelSection, always=True, required=True)
    version: float = key(version, 1.0)
    device: str = key(choice(("cpu", "gpu")), "cpu")
    quantization: QuantizationSection | None = section(QuantizationSection)
    pruning: PruningSection | None = section(PruningSection)
    distillation: DistillationSection | None = section(DistillationSection)
    mixed_precision: MixedPrecisionSection | None = section(MixedPrecisionSection)
    graph_optimization: GraphOptimizationSection | None = section(GraphOptimizationSection)
    model_conversion: ModelConversionSection | None = section(ModelConversionSection)
    tuning: TuningSection | None = section(TuningSection)
    evaluation: EvaluationSection | None = section(EvaluationSection)
    train: TrainSection | None = section(TrainSection)
    auto_distillation: dict | None = key(mapping)
    nas: dict | None = key(mapping)
    use_bf16: bool = key(flag, True)
    quant_level: int | None = key(integer(low=0))
    reduce_range: bool | None = key(flag)
    path: Path | None = None
    lines: dict[Where, int | None] = field(default_factory=dict, repr=False, compare=False)
    ignored: list[Ignored] = field(default_factory=list, repr=False, compare=False)

    def gives(self, *where: str) -> bool:
        """Whether the file has this key, whatever its value."""
        return where in self.lines

    def error(self, what: str, *where: str) -> ConfError:
        """An error at this key, or at the nearest section around it that the file has."""
        there = next((where[:end] for end in range(len(where), 0, -1) if where[:end] in self.lines), None)
        return ConfError(what, self.path, self.lines.get(there), ".".join(where))
