"""What a command line and its `--config` ask for together; options win."""

import argparse
from dataclasses import asdict, dataclass, field
from typing import Any

from inc_hf.commands.training.config_file import SECTIONS, checked_training, read_sections
from inc_hf.config import (
    DistillationConfig,
    KnowledgeDistillationLossConfig,
    PostTrainingQuantConfig,
    QuantizationAwareTrainingConfig,
    WeightPruningConfig,
)
from inc_hf.config.base import ConfigMixin
from inc_hf.errors import UsageError
from inc_hf.recipe import distillation_config

ALLOWED = {
    "train": SECTIONS,
    "prune": ("pruning", "distillation", "training"),
    "distill": ("distillation", "training"),
}
WEIGHTED = "Linear|Conv1D|Conv1d|Conv2d"


@dataclass
class Plan:
    """Fields of the configs that are not as the recipe has them; None for what is not done.

    Args:
        quantization: of a [`PostTrainingQuantConfig`], or of a [`QuantizationAwareTrainingConfig`] if `qat`.
        training: of TrainingArguments.
    """

    pruning: dict[str, Any] | None = None
    distillation: dict[str, Any] | None = None
    quantization: dict[str, Any] | None = None
    qat: bool = False
    training: dict[str, Any] = field(default_factory=dict)

    @property
    def teacher(self) -> str | None:
        """The name of a teacher; None if it is the model itself, or there is none."""
        return (self.distillation or {}).get("teacher_model")

    @property
    def compresses(self) -> bool:
        """Whether there is a training besides the fine-tuning of a new head."""
        return self.pruning is not None or self.distillation is not None or self.qat

    def to_dict(self) -> dict[str, Any]:
        """As JSON knows it."""
        return asdict(self)


def plan_of(args: argparse.Namespace, command: str) -> Plan:
    """The plan, each of its configs made once to see that it can be.

    Raises:
        UsageError: a field, a value, or two options that contradict each other.
    """
    sections = read_sections(args.config, ALLOWED[command])
    _check_together(args, sections)
    pruning = _given(sections.get("pruning"), target_sparsity=args.sparsity, pattern=args.pattern)
    pruning = {} if pruning is None and command == "prune" else pruning
    distillation = _distillation(args, sections.get("distillation"), command != "train" or pruning is not None)
    plan = Plan(
        pruning=pruning,
        distillation=distillation,
        quantization=None if args.no_quantize else _quantization(args, sections.get("quantization") or {}),
        qat=args.qat,
        training=_training(args, sections.get("training") or {}),
    )
    _check(plan, args.config)
    return plan


def _check_together(args: argparse.Namespace, sections: dict[str, dict]) -> None:
    if args.no_quantize and (args.qat or args.approach or args.weight_bits or "quantization" in sections):
        raise UsageError("--no-quantize leaves a float model: leave out what says how to quantize.")
    if args.no_distill and (args.teacher or args.temperature or "distillation" in sections):
        raise UsageError("--no-distill learns from the labels alone: leave out what says how to distil.")


def _given(section: dict[str, Any] | None, **options: Any) -> dict[str, Any] | None:
    """A section with the options that were given over it; None if there is neither."""
    options = {name: value for name, value in options.items() if value is not None}
    return None if section is None and not options else {**(section or {}), **options}


def _distillation(args: argparse.Namespace, section: dict[str, Any] | None, wanted: bool) -> dict[str, Any] | None:
    if args.no_distill:
        return None
    fields = _given(section, teacher_model=args.teacher)
    if fields is None and not (wanted or args.qat or args.temperature):
        return None
    fields = (fields or {}) | ({"trust_remote_code": True} if args.trust_remote_code else {})
    if args.temperature is not None:
        loss = distillation_config(None, **fields | {"teacher_model": None}).criterion
        if not isinstance(loss, KnowledgeDistillationLossConfig):
            raise UsageError("--temperature is of logits, and the `criterion` of --config has none; leave it out.")
        settings = {**loss.to_dict(), "temperature": args.temperature}
        fields = {**fields, "criterion": {"KnowledgeDistillationLoss": settings}}
    return fields


def _quantization(args: argparse.Namespace, section: dict[str, Any]) -> dict[str, Any]:
    fields = {**section} if args.qat else {"approach": "dynamic", **section}
    if args.approach is not None and not args.qat:
        fields["approach"] = args.approach
    if args.weight_bits is not None:
        types = fields.get("op_type_dict") or {}
        if not isinstance(types, dict):
            raise UsageError(f"{args.config}: `op_type_dict` takes a dict here, since --weight-bits goes into it.")
        fields["op_type_dict"] = {**types, WEIGHTED: {"weight": {"bits": args.weight_bits}}}
    return fields


def _training(args: argparse.Namespace, section: dict[str, Any]) -> dict[str, Any]:
    options = {
        "num_train_epochs": args.epochs,
        "learning_rate": args.learning_rate,
        "per_device_train_batch_size": args.batch_size,
        "max_steps": args.max_steps,
        "seed": args.seed,
        "bf16": args.bf16 or None,
    }
    return {**checked_training(section, args.config), **(_given(None, **options) or {})}


def _check(plan: Plan, path: str | None) -> None:
    kinds: dict[str, type[ConfigMixin]] = {
        "pruning": WeightPruningConfig,
        "distillation": DistillationConfig,
        "quantization": QuantizationAwareTrainingConfig if plan.qat else PostTrainingQuantConfig,
    }
    for name, kind in kinds.items():
        fields = getattr(plan, name)
        try:
            kind.from_dict(fields or {})
        except UsageError as error:
            raise type(error)(f"{path}: `{name}`: {error}" if path else str(error)) from error
