"""Training as the section `train` of a conf says, without a `train_func`: a plain loop that calls the hooks."""

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from transformers import set_seed

from inc_hf.config import options
from inc_hf.errors import UsageError
from inc_hf.evaluation.answers import logits_of
from inc_hf.experimental.common.criterion import DistillationLoss
from inc_hf.experimental.conf_data import criterion_of, loader_of, optimizer_of
from inc_hf.migrate.conf import Conf as Sections
from inc_hf.migrate.conf.data_sections import TrainSection
from inc_hf.migrate.conf.training_notes import epochs_of
from inc_hf.models.samples import length_of
from inc_hf.quantize.workflow import run

logger = logging.getLogger(__name__)


class CallsHooks(Protocol):
    """What has the hooks that a loop calls."""

    def on_train_begin(self, dataloader: Any = None) -> None: ...
    def on_epoch_begin(self, epoch: int) -> None: ...
    def on_step_begin(self, batch_id: int) -> Any: ...
    def on_after_compute_loss(self, input: Any, student_output: Any, student_loss: Any) -> Any: ...
    def on_before_optimizer_step(self) -> None: ...
    def on_step_end(self) -> Any: ...
    def on_epoch_end(self) -> Any: ...
    def on_train_end(self) -> None: ...


@dataclass
class Training:
    """How to train.

    Args:
        loader: batches `(inputs, label)`, or dicts with `labels`.
        criterion: loss of outputs and labels; None is the loss that the model itself returns.
        optimizer_of: parameters -> optimizer.
        epochs (`range`): their numbers.
        iterations (`int`, *optional*): batches of an epoch at most.
    """

    loader: Iterable
    criterion: Callable[[Tensor, Tensor], Tensor] | None
    optimizer_of: Callable[[Iterable[nn.Parameter]], Optimizer]
    epochs: range
    iterations: int | None = None

    @property
    def steps_per_epoch(self) -> int | None:
        """Batches of an epoch, if that is known."""
        found = [n for n in (length_of(self.loader), self.iterations) if n is not None]
        return min(found) if length_of(self.loader) is not None else None

    def run(self, model: nn.Module, hooks: CallsHooks) -> None:
        """Train, from the seed that is set."""
        set_seed(options.random_seed)
        optimizer = self.optimizer_of(model.parameters())
        hooks.on_train_begin(self.loader)
        for epoch in self.epochs:
            model.train()
            hooks.on_epoch_begin(epoch)
            for i, batch in enumerate(self.loader):
                if self.iterations is not None and i >= self.iterations:
                    break
                self._step(model, hooks, optimizer, i, batch)
            hooks.on_epoch_end()
        hooks.on_train_end()

    def _step(self, model: nn.Module, hooks: CallsHooks, optimizer: Optimizer, i: int, batch: Any) -> None:
        hooks.on_step_begin(i)
        inputs, labels = split(on_device_of(model, batch))
        outputs = run(model, inputs)
        loss = hooks.on_after_compute_loss(inputs, outputs, loss_of(self.criterion, outputs, labels))
        optimizer.zero_grad()
        loss.backward()
        hooks.on_before_optimizer_step()
        optimizer.step()
        hooks.on_step_end()


def training_of(component: Any, sections: Sections, loader: Iterable | None = None) -> Training:
    """As the conf says; the `criterion` and the `optimizer` that were set on the component go before.

    Raises:
        ValueError: the conf does not say how to train, or on what.
    """
    found = train_sections(component, sections)
    if not found:
        raise UsageError(
            f"{component!r} does not know how to train: set `train_func`, or the section `train` in the conf."
        )
    where, section = next(iter(found.items()))
    if loader is None:
        loader = loader_of(section.dataloader, where)
    if loader is None:
        raise UsageError(
            f"{component!r} has nothing to train on: set `train_dataloader`, or `{where}.dataloader` in the conf, or "
            "`train_func`."
        )
    criterion, optimizer = getattr(component, "criterion", None), getattr(component, "optimizer", None)
    if optimizer is None and section.optimizer is None:
        raise UsageError(f"{component!r} has no optimizer: set `{where}.optimizer` in the conf, or `train_func`.")
    return Training(
        loader,
        criterion if isinstance(criterion, DistillationLoss) else criterion_of(section.criterion),
        optimizer_of(section.optimizer) if optimizer is None else lambda parameters: optimizer,
        epochs_of(section),
        section.iteration,
    )


def train_sections(component: Any, sections: Sections) -> dict[str, TrainSection]:
    """The sections `train` that are for the component, by their names; the first one counts."""
    tasks = [task for task in ("distillation", "pruning", "quantization") if task in component.conf_class.tasks]
    found = {f"{task}.train": getattr(getattr(sections, task), "train", None) for task in tasks}
    return {where: section for where, section in {**found, "train": sections.train}.items() if section is not None}


def on_device_of(model: nn.Module, batch: Any) -> Any:
    """A batch where the model is."""
    device = next(model.parameters()).device
    if isinstance(batch, Mapping):
        return {name: on_device_of(model, value) for name, value in batch.items()}
    if isinstance(batch, tuple | list):
        return [on_device_of(model, value) for value in batch]
    return batch.to(device) if isinstance(batch, Tensor) else batch


def split(batch: Any) -> tuple[Any, Tensor | None]:
    """Inputs and labels. A dict keeps its labels: the model may need them."""
    if isinstance(batch, Mapping):
        return batch, batch.get("labels")
    if isinstance(batch, tuple | list) and len(batch) >= 2:
        *inputs, labels = batch
        return inputs[0] if len(inputs) == 1 else tuple(inputs), labels
    raise UsageError(f"Training needs labels: a batch is a {type(batch).__name__}; give pairs (inputs, label).")


def loss_of(criterion: Callable | None, outputs: Any, labels: Tensor | None) -> Tensor:
    """By the criterion, where there is one class for each row; of tokens, the model's own."""
    own = outputs.get("loss") if isinstance(outputs, Mapping) else None
    if criterion is None or labels is None or (own is not None and logits_of(outputs).ndim != 2):
        if own is None:
            raise UsageError(
                "There is nothing to train by: the model returns no loss, and there are no labels, or no `criterion` "
                "in the section `train`; set `train_func`."
            )
        return own
    return criterion(logits_of(outputs), torch.as_tensor(labels))
