"""The teacher of a distillation: loaded, checked against its student, and made ready."""

import os
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel

from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.models.source import source_of
from inc_hf.models.tasks import architectures_of, loader_of
from inc_hf.runtimes import load_model


def load_teacher(teacher: Any, student: nn.Module, trust_remote_code: bool = False) -> nn.Module | None:
    """The teacher as a module: as it is, or loaded from a path or the name of a Hub repository.

    It is loaded by the class of the student if the teacher's config names that as its architecture, otherwise by the
    first architecture that it names.

    Raises:
        TypeError: `teacher` is of another type.
        ValueError: its config names no architecture of transformers, or it needs code of its own and
            `trust_remote_code` is not set.
        OSError: there is no such model.
    """
    if teacher is None or isinstance(teacher, nn.Module):
        return teacher
    if not isinstance(teacher, str | os.PathLike):
        raise UsageTypeError(
            f"`teacher_model` must be a torch.nn.Module, a path or the name of a model on the Hub, "
            f"got {type(teacher).__name__}."
        )
    hub = source_of(teacher, trust_remote_code)
    config = AutoConfig.from_pretrained(teacher, **hub)
    return load_model(_teacher_class(config, student, teacher), teacher, **hub)


def _teacher_class(config: PretrainedConfig, student: nn.Module, teacher: Any) -> type:
    architectures = architectures_of(config)
    if type(student).__name__ in architectures:
        return type(student)
    found = loader_of(config)
    if found is None:
        raise UsageError(
            f"The config of the teacher {os.fspath(teacher)!r} names the architectures {architectures}, none of which "
            "transformers has; load the teacher yourself and pass it as a module."
        )
    return found


def prepare_teacher(teacher: nn.Module | None, student: nn.Module, device: torch.device) -> nn.Module | None:
    """Put the teacher into evaluation mode on `device`, in place. What it trains elsewhere stays trainable.

    Raises:
        ValueError: it is the student, or shares weights with it, and would change as the student learns.
    """
    if teacher is None:
        return None
    trained = {id(parameter) for parameter in student.parameters()}
    if teacher is student or any(id(parameter) in trained for parameter in teacher.parameters()):
        raise UsageError(
            "The teacher is the student itself, or shares weights with it. To keep what the model knows now, pass "
            "`copy.deepcopy(model)` as `teacher_model`; a model that learns from its own deeper layers needs no "
            "teacher but a SelfKnowledgeDistillationLossConfig."
        )
    return teacher.eval().to(device)


def check_same_logits(teacher: nn.Module, student: nn.Module) -> None:
    """Raise ValueError for a teacher with other classes, or another vocabulary, than the student, as far as their
    configs and their output layers tell; the first step would say so, too."""
    sizes = [_size_of_logits(model) for model in (teacher, student)]
    if None not in sizes and sizes[0] != sizes[1]:
        raise UsageError(
            f"The teacher, a {type(teacher).__name__}, gives {sizes[0]} logits, and the student, a "
            f"{type(student).__name__}, {sizes[1]}; take a teacher with the same labels or vocabulary."
        )


def _size_of_logits(model: nn.Module) -> int | None:
    if not isinstance(model, PreTrainedModel):
        return None
    if type(model).__name__.endswith("Classification"):
        return model.config.num_labels
    weight = getattr(model.get_output_embeddings(), "weight", None)
    return None if weight is None else len(weight)
