"""The sections about the search and the evaluation."""

from dataclasses import dataclass

from inc_hf.migrate.conf.data_sections import DataloaderSection, PostprocessSection
from inc_hf.migrate.conf.fields import Named, key, one_of, section, several_of
from inc_hf.migrate.conf.list_values import choices, flags, integers, numbers, optional_texts
from inc_hf.migrate.conf.named_training import METRICS, MULTI_METRICS
from inc_hf.migrate.conf.values import anything, choice, flag, integer, number, percent, text

STRATEGIES = ("basic", "bayesian", "exhaustive", "mse", "mse_v2", "hawq_v2", "random", "sigopt", "tpe")
OBJECTIVES = ("performance", "accuracy", "modelsize", "footprint")


@dataclass
class StrategySection:
    """`strategy`: in which order configs are tried."""

    name: str = key(choice(STRATEGIES), "basic", required=True)
    sigopt_api_token: str | None = key(text)
    sigopt_project_id: str | None = key(text)
    sigopt_experiment_name: str = key(text, "nc-tune")
    accuracy_weight: float = key(number(), 1.0)
    latency_weight: float = key(number(), 1.0)
    confidence_batches: int = key(integer(low=1), 2)
    hawq_v2_loss: str | None = key(anything)


@dataclass
class AccuracyCriterionSection:
    """`accuracy_criterion`: how much may be lost. One of `relative` and `absolute` is None."""

    relative: float | None = key(percent)
    absolute: float | None = key(percent)
    higher_is_better: bool = key(flag, True)

    def __post_init__(self):
        if self.relative is None and self.absolute is None:
            self.relative = 0.01


@dataclass
class MultiObjectivesSection:
    """`multi_objectives`: several goals at once."""

    objective: list[str] | None = key(choices(OBJECTIVES), required=True)
    weight: list[float] | None = key(numbers)
    higher_is_better: list[bool] | None = key(flags)


@dataclass
class ExitPolicySection:
    """`exit_policy`: when the search ends."""

    timeout: int = key(integer(low=0), 0)
    max_trials: int = key(integer(low=1), 100)
    performance_only: bool = key(flag, False)


@dataclass
class WorkspaceSection:
    """`workspace`: where files go; None is a place of the package's choice."""

    path: str | None = key(text)
    resume: str | None = key(text)


@dataclass
class DiagnosisSection:
    """`diagnosis`: tensors that are looked at."""

    diagnosis_after_tuning: bool = key(flag, False)
    op_list: list[str] = key(optional_texts, [])
    iteration_list: list[int] = key(integers, [1])
    inspect_type: str = key(choice(("all", "activation", "weight")), "all")
    save_to_disk: bool = key(flag, True)
    save_path: str = key(text, "./nc_workspace/inspect_saved/")


@dataclass
class TuningSection:
    """`tuning`."""

    strategy: StrategySection = section(StrategySection, always=True)
    accuracy_criterion: AccuracyCriterionSection = section(AccuracyCriterionSection, always=True)
    objective: str = key(choice(OBJECTIVES), "performance")
    multi_objectives: MultiObjectivesSection | None = section(MultiObjectivesSection)
    exit_policy: ExitPolicySection = section(ExitPolicySection, always=True)
    random_seed: int = key(integer(low=0), 1978)
    tensorboard: bool = key(flag, False)
    workspace: WorkspaceSection = section(WorkspaceSection, always=True)
    diagnosis: DiagnosisSection = section(DiagnosisSection, always=True)


@dataclass
class ConfigsSection:
    """`configs`: cores, processes and threads."""

    cores_per_instance: int | None = key(integer(low=1))
    num_of_instance: int = key(integer(low=1), 1)
    inter_num_of_threads: int | None = key(integer(low=1))
    intra_num_of_threads: int | None = key(integer(low=1))
    kmp_blocktime: int | None = key(integer(low=0))
    kmp_affinity: str = key(text, "granularity=fine,verbose,compact,1,0")


@dataclass
class AccuracySection:
    """`accuracy`: the score of a model."""

    metric: Named | None = one_of(METRICS, "metric")
    multi_metrics: list[Named] = several_of(MULTI_METRICS, "metric")
    configs: ConfigsSection | None = section(ConfigsSection)
    iteration: int = key(integer(low=-1), -1)
    dataloader: DataloaderSection | None = section(DataloaderSection)
    postprocess: PostprocessSection | None = section(PostprocessSection)


@dataclass
class PerformanceSection:
    """`performance`: the speed of a model."""

    warmup: int = key(integer(low=0), 5)
    iteration: int = key(integer(low=-1), -1)
    configs: ConfigsSection | None = section(ConfigsSection)
    dataloader: DataloaderSection | None = section(DataloaderSection)
    postprocess: PostprocessSection | None = section(PostprocessSection)


@dataclass
class EvaluationSection:
    """`evaluation`."""

    accuracy: AccuracySection | None = section(AccuracySection)
    performance: PerformanceSection | None = section(PerformanceSection)
