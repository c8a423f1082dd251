"""Ways to prune: each differs from `base` in one thing. Those that promise most come first."""

import dataclasses

from transformers import PreTrainedModel, TrainerCallback

from inc_hf.callbacks import DistillationCallback, PruningCallback
from inc_hf.config import (
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
    WeightPruningConfig,
)


@dataclasses.dataclass
class Trial:
    """How the Linear layers of the encoder are pruned in 4x1 blocks."""

    sparsity: float = 0.8
    learning_rate: float = 2e-4
    start: float = 0.05
    end: float = 0.6
    frequency: int = 10
    decay: str = "cubic"
    scope: str = "global"
    cap: float = 0.98
    criterion: str = "snip_momentum"
    hidden: bool = True  # states, as well as logits
    teacher: bool = True
    augment: bool = False
    steady: bool = False  # learning rate until the last update, instead of one that falls from the beginning

    def settings(self, steps: int) -> dict:
        """Arguments of a training of so many steps."""
        chosen = {"learning_rate": self.learning_rate, "warmup_steps": 0.05}
        if not self.steady:
            return chosen
        kwargs = {"num_decay_steps": round((1 - self.end) * steps)}
        return {**chosen, "lr_scheduler_type": "warmup_stable_decay", "lr_scheduler_kwargs": kwargs}

    def at(self, sparsity: float) -> "Trial":
        """The same for another sparsity."""
        return dataclasses.replace(self, sparsity=sparsity, cap=max(self.cap, sparsity))


BASE = Trial()
CHANGES = {
    "base": {},
    "local": {"scope": "local"},
    "cap-0.9": {"cap": 0.9},
    "rate-4e-4": {"learning_rate": 4e-4},
    "augmented": {"augment": True},
    "steady": {"steady": True},
    "rate-1e-4": {"learning_rate": 1e-4},
    "rate-6e-4": {"learning_rate": 6e-4},
    "logits": {"hidden": False},
    "logits-augmented": {"hidden": False, "augment": True},
    "logits-steady": {"hidden": False, "steady": True},
    "logits-rate-4e-4": {"hidden": False, "learning_rate": 4e-4},
    "labels": {"teacher": False},
    "magnitude": {"criterion": "magnitude"},
    "exp": {"decay": "exp"},
    "end-0.8": {"end": 0.8},
    "end-0.4": {"end": 0.4},
    "block-mask": {"criterion": "block_mask"},
}
TRIALS = {name: dataclasses.replace(BASE, **change) for name, change in CHANGES.items()}


def callbacks_of(trial: Trial, dense: PreTrainedModel) -> list[TrainerCallback]:
    pruning = WeightPruningConfig(
        op_names=[r"encoder\.layer"],
        target_sparsity=trial.sparsity,
        pruning_type=trial.criterion,
        start_step=trial.start,
        end_step=trial.end,
        pruning_frequency=trial.frequency,
        sparsity_decay_type=trial.decay,
        pruning_scope=trial.scope,
        max_sparsity_ratio_per_op=trial.cap,
    )
    callbacks = [PruningCallback(pruning)]
    return [*callbacks, DistillationCallback(distillation_of(trial, dense))] if trial.teacher else callbacks


def distillation_of(trial: Trial, dense: PreTrainedModel) -> DistillationConfig:
    logits = KnowledgeDistillationLossConfig(temperature=2.0, loss_types=["CE", "KL"], loss_weights=[0.0, 1.0])
    if not trial.hidden:
        return DistillationConfig(dense, logits)
    layers = [[(f"bert.encoder.layer.{i}", 0)] for i in range(dense.config.num_hidden_layers)]
    return DistillationConfig(dense, [IntermediateLayersKnowledgeDistillationLossConfig(layers), logits])
