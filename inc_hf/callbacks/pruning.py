"""Pruning inside the Trainer."""

import logging
from typing import Any

from torch import nn
from torch.optim import Optimizer
from transformers import EarlyStoppingCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from inc_hf.callbacks.reporting import add_to_logs
from inc_hf.callbacks.run import TrainerRun
from inc_hf.callbacks.support import check_processes
from inc_hf.config import WeightPruningConfig
from inc_hf.coverage import Coverage
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.models.recipe import note_training
from inc_hf.prune import Pruner, get_sparsity_ratio, prepare
from inc_hf.prune.coverage import NO_GRADIENT, pruning_coverage
from inc_hf.prune.report import pruned_in_words, zeros_in_targets
from inc_hf.prune.schedule import steps_needed
from inc_hf.telling import NOTICE

logger = logging.getLogger(__name__)

TOO_MANY = 0.05  # share of the weights that may be zero beside those that were asked for
ENDED = "Training ended before the last update of the masks"
NO_STEP = "No hook told pruning of a step of the optimizer"
STATE = "inc_hf_pruning"  # the key in the state of the optimizer, which the Trainer saves and loads


class PruningCallback(TrainerCallback):
    """
    Prunes the Trainer's model while it trains. Weights become zero in place, so that every checkpoint is one of the
    plain model.

    The Trainer's logs get `pruning/sparsity`, the share of zeros in all Linear and Conv weights, and
    `pruning/pruned_layers`, that of the layers which are pruned: what `target_sparsity` means. Scores and masks are
    saved with the state of the optimizer, so that a run that was resumed ends with the same bits as one that was not
    interrupted.

    Args:
        config (`WeightPruningConfig`, *optional*):
            What to prune, how far and when; steps are optimizer steps.

    Attributes:
        coverage ([`Coverage`] or `None`): after training, which layers were pruned, and why others stayed dense.

    Raises (when training begins):
        ValueError: the config does not fit the model or the length of the run, FSDP or DeepSpeed is in use, or
            the Trainer has a second `PruningCallback`.

    Example:

    ```python
    trainer.add_callback(PruningCallback(WeightPruningConfig(target_sparsity=0.8)))
    trainer.train()
    ```
    """

    def __init__(self, config: WeightPruningConfig | None = None):
        if config is not None and not isinstance(config, WeightPruningConfig):
            raise UsageTypeError(f"`config` must be a WeightPruningConfig, got {type(config).__name__}.")
        self.config = config or WeightPruningConfig()
        self.pruners: list[Pruner] = []
        self.coverage: Coverage | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config})"

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module = None,
        optimizer: Optimizer = None,
        **kwargs: Any,
    ) -> None:
        check_processes(args, self)
        run = TrainerRun(state)
        run.refuse_second(self, "with all `pruning_configs` in one WeightPruningConfig")
        run.log_first(self)
        self.config.use()
        self.pruners = prepare(model, self.config, state.max_steps, args.get_warmup_steps(state.max_steps))
        if state.global_step > 0:
            self._restore(optimizer)
        for pruner in self.pruners:
            logger.info("Pruning %d layers: %s", len(pruner.targets), pruner.schedule)
            _warn_of_a_short_run(pruner, state.max_steps)
        _warn_of_an_early_end(run, self.pruners)

    def _restore(self, optimizer: Optimizer) -> None:
        saved = optimizer.state.get(STATE)
        if saved is None:
            raise UsageError(
                "This checkpoint was not made with a PruningCallback, or without the state of the optimizer "
                "(`save_only_model`); start training anew from its weights instead of resuming."
            )
        if len(saved) != len(self.pruners):
            raise UsageError(
                f"The checkpoint was made with {len(saved)} `pruning_configs`, and now there are {len(self.pruners)}; "
                "resume with the config that it was made with."
            )
        for pruner, values in zip(self.pruners, saved, strict=True):
            pruner.load_state_dict(values)

    def on_step_begin(self, args, state, control, **kwargs: Any) -> None:
        for pruner in self.pruners:
            pruner.update(state.global_step)

    def on_pre_optimizer_step(self, args, state, control, **kwargs: Any) -> None:
        for pruner in self.pruners:
            pruner.collect(state.global_step)

    def on_optimizer_step(self, args, state, control, optimizer: Optimizer = None, **kwargs: Any) -> None:
        for pruner in self.pruners:
            pruner.shrink(state.global_step)
            pruner.apply()
            if state.global_step == min(pruner.schedule.end, state.max_steps - 1):
                _warn_of_too_many_zeros(pruner)
        optimizer.state[STATE] = [pruner.state_dict() for pruner in self.pruners]

    def on_step_end(self, args, state, control, **kwargs: Any) -> None:
        # A model from before the last update is denser than what was asked for, so it cannot be the best one.
        if any(state.global_step == pruner.last_change + 1 for pruner in self.pruners):
            state.best_metric = state.best_global_step = state.best_model_checkpoint = None

    def on_log(self, args, state, control, logs: dict[str, float] = None, model: nn.Module = None, **kwargs) -> None:
        if self.pruners and "loss" in logs:
            targets = [target for pruner in self.pruners for target in pruner.targets]
            figures = {"sparsity": get_sparsity_ratio([], model)[0], "pruned_layers": zeros_in_targets(targets)}
            add_to_logs(state, logs, {f"pruning/{name}": round(share, 6) for name, share in figures.items()})

    def on_train_end(self, args, state, control, model: nn.Module = None, optimizer: Optimizer = None, **kw) -> None:
        optimizer.state.pop(STATE, None)
        is_best = args.load_best_model_at_end and state.best_model_checkpoint is not None
        for pruner in [] if is_best else self.pruners:  # its weights have masks of their own
            pruner.apply()
        if any(state.global_step <= pruner.last_change for pruner in self.pruners):
            best = f" The model is that of step {state.best_global_step}, the best one." if is_best else ""
            logger.warning("%s: `target_sparsity` is not reached.%s", ENDED if state.global_step else NO_STEP, best)
        configs, found = [pruner.config for pruner in self.pruners], [pruner.targets for pruner in self.pruners]
        logger.log(NOTICE, "%s", pruned_in_words(model, configs, found))
        note_training(model, "pruning", [recipe_in_numbers(pruner) for pruner in self.pruners])
        missed = {name for pruner in self.pruners for name in pruner.unscored}
        self.coverage = pruning_coverage(model, configs, found, missed, NO_GRADIENT)
        self.coverage.log(logger, logging.INFO)


def recipe_in_numbers(pruner: Pruner) -> dict[str, Any]:
    """What was asked for, for the config of the model."""
    asked = {key: str(getattr(pruner.config, key)) for key in ("pattern", "pruning_type", "sparsity_decay_type")}
    schedule = pruner.schedule
    return {**asked, "target_sparsity": schedule.target, "start_step": schedule.start, "end_step": schedule.end}


def _warn_of_a_short_run(pruner: Pruner, total: int | float) -> None:
    target, needed = pruner.schedule.target, steps_needed(pruner.schedule.target)
    if not pruner.schedule.is_oneshot and pruner.initial < target and total < needed:
        logger.warning(
            "%.0f %% zeros in %d steps will cost accuracy: train for about %d steps, or choose a smaller "
            "`target_sparsity`.",
            100 * target,
            total,
            needed,
        )


def _warn_of_too_many_zeros(pruner: Pruner) -> None:
    """The group lasso, which ends here, shortens blocks to zero by itself, whatever the target says."""
    zeros, target = zeros_in_targets(pruner.targets), max(pruner.schedule.target, pruner.initial)
    if pruner.config.reg_type is not None and zeros > target + TOO_MANY:
        logger.warning(
            "%.0f %% of the pruned layers' weights are zero, where `target_sparsity` is %.0f %%: `reg_coeff` %g is "
            "too large for weights of this size and this many steps; choose a smaller one.",
            100 * zeros,
            100 * target,
            pruner.config.reg_coeff,
        )


def _warn_of_an_early_end(run: TrainerRun, pruners: list[Pruner]) -> None:
    if any(isinstance(other, EarlyStoppingCallback) for other in run.callbacks) and pruners:
        logger.warning(
            "An EarlyStoppingCallback may end training while zeros are added, which makes the metric worse: "
            "they are all there after step %d. Let it be patient until then, or leave it out.",
            max(pruner.last_change for pruner in pruners) + 1,
        )
