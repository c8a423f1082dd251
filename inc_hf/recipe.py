"""The recipe that the tables of pruning in `benchmarks/` were made with, as values: no model is touched here.

A classifier is fine-tuned first. Then it is pruned, and learns meanwhile from what it was, by its logits alone.
Settings are arguments of `transformers.TrainingArguments`.
"""

from typing import TYPE_CHECKING, Any

from inc_hf.config import DistillationConfig, KnowledgeDistillationLossConfig, WeightPruningConfig

if TYPE_CHECKING:
    from torch import nn  # the parser of commands reads the values, and is to be quick

BATCH = 32
SPARSITY = 0.8
FINE_TUNING = {"num_train_epochs": 3, "learning_rate": 1e-4, "warmup_steps": 0.1, "weight_decay": 0.01}
COMPRESSION = {"learning_rate": 2e-4, "warmup_steps": 0.05}
ROUNDING = {"num_train_epochs": 1, "learning_rate": 1e-4, "warmup_steps": 0.05}  # QAT of weights that all stay
MANY = 10_000  # samples: of more, three epochs are steps enough
MAX_LENGTH = 128


def epochs_of(samples: int) -> int:
    """How many epochs a compression takes on so many samples."""
    return 5 if samples < MANY else 3


def pruning_config(model: "nn.Module", **chosen: Any) -> WeightPruningConfig:
    """4x1 blocks in all layers below the head go to zero in the first 60 % of the steps, fast at first.

    Args:
        model (`PreTrainedModel`): may be without weights; only the names of its modules count.
        chosen: fields of the config that are to be others.
    """
    recipe = {
        "target_sparsity": SPARSITY,
        "start_step": 0.05,
        "end_step": 0.6,
        "sparsity_decay_type": "cubic",
        "excluded_op_names": [] if "op_names" in chosen else [*heads_of(model), "pooler"],
    }
    sparsity = chosen.get("target_sparsity", SPARSITY)
    if isinstance(sparsity, float) and sparsity > WeightPruningConfig.max_sparsity_ratio_per_op:
        recipe["max_sparsity_ratio_per_op"] = sparsity
    return WeightPruningConfig(**{**recipe, **chosen})


def heads_of(model: "nn.Module") -> list[str]:
    """Regular expressions for the names of what stands on the encoder, one for each module.

    A head computes one row per text, so that there is nothing to gain by pruning it.
    """
    names = [name for name, _ in model.named_children()]
    is_headless = model.base_model_prefix not in names
    return [] if is_headless else [rf"^{name}(\.|$)" for name in names if name != model.base_model_prefix]


def distillation_config(teacher: Any, **chosen: Any) -> DistillationConfig:
    """The student learns from the logits of the teacher alone, softened by a temperature of 2.

    Args:
        teacher: a model, or the name of one.
        chosen: fields of the config that are to be others.
    """
    loss = KnowledgeDistillationLossConfig(temperature=2.0, loss_types=["CE", "KL"], loss_weights=[0.0, 1.0])
    return DistillationConfig(**{"criterion": loss, **chosen, "teacher_model": teacher})


def without_embeddings(model: "nn.Module") -> None:
    """Freeze the embeddings of a model, in place: half of the weights of a small encoder, which need no training to
    follow a new task."""
    table = model.get_input_embeddings()
    around = (child for child in model.base_model.children() if any(part is table for part in child.children()))
    next(around, table).requires_grad_(False)
