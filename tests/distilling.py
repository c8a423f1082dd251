"""A dataset, models and Trainers for tests of distillation."""

from typing import Any

import torch
from tiny import VOCABULARY, tiny_model
from torch import Tensor, nn
from torch.utils.data import Dataset
from transformers import Trainer, TrainingArguments

from inc_hf.callbacks import DistillationCallback
from inc_hf.config import (
    DistillationConfig,
    IntermediateLayersKnowledgeDistillationLossConfig,
    KnowledgeDistillationLossConfig,
)

NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
LOGGED = ("loss", "grad_norm", "distillation/loss", "distillation/student_loss")
LAYERS = [["bert.encoder.layer.0", "bert.encoder.layer.1"]]


class Sentences(Dataset):
    """Token ids with one label each; `columns` replaces or adds columns, functions of the index."""

    def __init__(self, size: int = 32, length: int = 8, **columns: Any):
        self.size, self.length, self.columns = size, length, columns

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> dict[str, Any]:
        ids = torch.randint(5, VOCABULARY, (self.length,), generator=torch.Generator().manual_seed(index))
        row = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "labels": index % 2}
        row.update({name: column(index) for name, column in self.columns.items()})
        return {name: value for name, value in row.items() if value is not None}


class LabelFree(Dataset):
    """Another dataset without its labels."""

    def __init__(self, rows: Dataset):
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {name: value for name, value in self.rows[index].items() if name != "labels"}


def token_labels(index: int, length: int = 8, labels: int = 2) -> Tensor:
    """Labels per token, of which the last `1 + index % 5` are left out."""
    generator = torch.Generator().manual_seed(1000 + index)
    values = torch.randint(0, labels, (length,), generator=generator)
    values[-1 - index % 5 :] = -100
    return values


def student(**values: Any) -> nn.Module:
    return tiny_model("bert", **{**NO_DROPOUT, **values})


def teacher(**values: Any) -> nn.Module:
    """Wider and deeper than the student."""
    return tiny_model("bert", **{"hidden_size": 24, "num_hidden_layers": 2, **values})


def kd(kind: str = "KL", weights: tuple[float, float] = (0.5, 0.5), temperature: float = 2.0):
    return KnowledgeDistillationLossConfig(temperature, ["CE", kind], list(weights))


def layers(mappings: list = LAYERS, **settings: Any) -> IntermediateLayersKnowledgeDistillationLossConfig:
    return IntermediateLayersKnowledgeDistillationLossConfig(mappings, **settings)


def callback(teacher_model: Any = None, criterion: Any = None) -> DistillationCallback:
    """Of a new teacher, and by default of logits and of a layer that needs a projection."""
    teacher_model = teacher() if teacher_model is None else teacher_model
    return DistillationCallback(
        DistillationConfig(teacher_model, [kd(), layers()] if criterion is None else criterion)
    )


def arguments(folder: Any, accumulation: int = 1, cls: type = TrainingArguments, **values: Any) -> TrainingArguments:
    defaults = {
        "per_device_train_batch_size": 8 // accumulation,
        "gradient_accumulation_steps": accumulation,
        "max_steps": 4,
        "learning_rate": 1e-2,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": [],
        "use_cpu": True,
        "disable_tqdm": True,
    }
    return cls(str(folder), **{**defaults, **values})


def make_trainer(folder: Any, model: Any, callbacks: list, dataset: Any = None, cls: type = Trainer, **values: Any):
    """A Trainer; what `TrainingArguments` does not know of `values` is for the Trainer."""
    own = ("model_init", "compute_loss_func", "eval_dataset", "data_collator", "accumulation")
    extra = {key: values.pop(key) for key in own if key in values}
    args = arguments(folder, extra.pop("accumulation", 1), **values)
    return cls(model, args, train_dataset=dataset or Sentences(), callbacks=callbacks, **extra)


def train(folder, callbacks=None, model=None, **values) -> Trainer:
    trainer = make_trainer(folder, model or student(), callbacks or [callback()], **values)
    trainer.train()
    return trainer


def history(trainer: Trainer, *names: str) -> Tensor:
    """The logged values of each step, `loss` and `grad_norm` unless named."""
    names = names or ("loss", "grad_norm")
    return torch.tensor([[row[name] for name in names] for row in trainer.state.log_history if "loss" in row]).double()


def close(found, expected, tolerance=1e-5):
    torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


def weights(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def has_hooks(*models: nn.Module) -> bool:
    modules = [module for model in models for module in model.modules()]
    return any(module._forward_hooks or module._forward_pre_hooks for module in modules)
