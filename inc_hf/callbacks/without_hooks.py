"""Pruning in a loop that calls no hooks, or at once: INC's `prepare_pruning` and `parse_to_prune`."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from inc_hf.callbacks.loop import LoopHooks
from inc_hf.callbacks.pruning import PruningCallback
from inc_hf.config import WeightPruningConfig
from inc_hf.config.arguments import check_model, check_optional_int
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.models.batches import batches_of, labels_are_inputs
from inc_hf.prune import Pruner
from inc_hf.prune.oneshot import prune_oneshot
from inc_hf.prune.target import select_layers


class Pruning:
    """
    Prunes a model in a loop that calls no hooks: the forward pass of the model and `optimizer.step()` drive it.

    Args:
        model (`nn.Module`): gets a forward hook, until `on_train_end`.
        config ([`WeightPruningConfig`]): what to prune; steps are those of the optimizer.
        optimizer (`torch.optim.Optimizer`): gets a hook before and one after each step.
        max_steps (`int`, *optional*): optimizer steps of the run; needed where the config has a share of it or -1.
            Without it and `end_step`, everything is pruned at once, at the first or second step.

    Attributes:
        pruners (`list[Pruner]`): one per element of `pruning_configs`.
    """

    def __init__(
        self, model: nn.Module, config: WeightPruningConfig, optimizer: Optimizer, max_steps: int | None = None
    ):
        self._callback = PruningCallback(config)
        self._hooks = LoopHooks(model, [self._callback], max_steps)
        self._hooks.watches_optimizers = False
        self._hooks.on_train_begin(optimizer=optimizer)
        self._handles = [
            model.register_forward_pre_hook(self._before_forward),
            optimizer.register_step_pre_hook(lambda *_: self._hooks.on_before_optimizer_step()),
            optimizer.register_step_post_hook(lambda *_: self._hooks.on_after_optimizer_step()),
        ]

    @property
    def pruners(self) -> list[Pruner]:
        return self._callback.pruners

    def __repr__(self) -> str:
        words = [
            f"{p.sparsity():.1%} of {p.config.target_sparsity:.1%} in {len(p.targets)} layers ({p.config.pattern})"
            for p in self.pruners
        ]
        state = self._hooks.state
        when = "ended" if state is None else f"step {state.global_step}"
        return f"{type(self).__name__}({', '.join(words)}, {when})"

    def _before_forward(self, model: nn.Module, args: tuple) -> None:
        if model.training or torch.is_grad_enabled():
            self._hooks.on_step_begin(0)

    def on_train_end(self) -> None:
        """Make the masks final and remove the hooks. The model stays pruned."""
        self._hooks.on_train_end()
        for handle in self._handles:
            handle.remove()


def prepare_pruning(
    model: nn.Module,
    config: WeightPruningConfig | dict,
    optimizer: Optimizer | None = None,
    dataloader: Iterable | None = None,
    loss_func: Any = None,
    framework: str = "pytorch",
    device: Any = None,
    max_steps: int | None = None,
) -> Pruning | nn.Module:
    """Prune in a loop without hooks (with `optimizer`), or at once and without training (with `dataloader`).

    Args:
        model (`nn.Module`): changed in place.
        config: a [`WeightPruningConfig`], or a dict of its fields.
        optimizer (`torch.optim.Optimizer`, *optional*): of the loop. INC replaced its `step`; this uses torch's hooks.
        dataloader (*optional*): data for the types that need no training, in any form that
            [`inc_hf.models.batches.batches_of`] takes; all of it is used, see [`prune_oneshot`].
        loss_func, device: accepted as in INC; the loss is the model's own, the device that of its weights.
        framework (`str`, *optional*, defaults to `"pytorch"`): the only one.
        max_steps (`int`, *optional*): optimizer steps of the run; needed where the config has a share of it or -1.
            Without it and `end_step`, everything is pruned at once, at the first or second step.

    Returns:
        A [`Pruning`] with `optimizer`, otherwise the pruned model.

    Raises:
        ValueError: neither or both of `optimizer` and `dataloader`, another framework, or a config that does not fit.
    """
    check_model(model)
    check_optional_int("max_steps", max_steps, low=1)
    if framework != "pytorch":
        raise UsageError(f"`framework` must be 'pytorch', got {framework!r}.")
    if (optimizer is None) == (dataloader is None):
        raise UsageError(
            "Pass `optimizer` to prune while a loop trains the model, or `dataloader` to prune at once, not "
            f"{'both' if optimizer is not None else 'neither'}."
        )
    if isinstance(config, dict):
        config = WeightPruningConfig.from_dict(config)
    if not isinstance(config, WeightPruningConfig):
        raise UsageTypeError(f"`config` must be a WeightPruningConfig, or a dict, got {type(config).__name__}.")
    if optimizer is not None and not isinstance(optimizer, Optimizer):
        raise UsageTypeError(f"`optimizer` must be a torch.optim.Optimizer, got {type(optimizer).__name__}.")
    if optimizer is not None:
        return Pruning(model, config, optimizer, max_steps)
    wants_loss = any(part.pruning_type == "retrain_free" for part in config.merged_configs())
    batches = batches_of(dataloader, model, keep_labels=wants_loss or labels_are_inputs(model))
    return prune_oneshot(model, config, batches)


def parse_to_prune(config: SimpleNamespace, model: nn.Module) -> dict[str, nn.Module]:
    """Name -> layer of what one element of `WeightPruningConfig.merged_configs()` means.

    Raises:
        ValueError: a regular expression of `op_names` hits nothing.
    """
    return select_layers(model, config)
