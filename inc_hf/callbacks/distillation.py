"""Distillation inside the Trainer."""

import logging
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from inc_hf.callbacks.reporting import add_to_logs
from inc_hf.callbacks.run import TrainerRun
from inc_hf.callbacks.support import check_processes
from inc_hf.callbacks.teacher import check_same_logits, load_teacher, prepare_teacher
from inc_hf.callbacks.trainer_loss import refuse_losses_outside_the_model, shifts_labels
from inc_hf.config import DistillationConfig
from inc_hf.distill import Criterion, DistilledForward, build_criterion
from inc_hf.distill.layers import restore_projections
from inc_hf.distill.outputs import TEACHER_LOGITS
from inc_hf.distill.projection import ProjectionOptimizer
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.models.recipe import note_training
from inc_hf.results.story import base_model_of
from inc_hf.telling import NOTICE

logger = logging.getLogger(__name__)

STATE = "inc_hf_distillation"  # the key in the state of the optimizer, which the Trainer saves and loads


class DistillationCallback(TrainerCallback):
    """
    Trains the Trainer's model with the loss `w0 * student_loss + w1 * T**2 * loss(student / T, teacher / T)`, or with
    another of the losses of [`DistillationConfig`]. The KL loss is the `batchmean` of torch times `T**2` (Hinton et
    al. 2015, arXiv 1503.02531), where INC takes the mean over all elements, too.

    Of tokens, those with a label other than -100 count, or without labels, those that `attention_mask` keeps. The loss
    of question answering is the mean of that of start and end. Features of different widths are made equal by linear
    projections, which are trained by an AdamW of their own at the learning rate of the Trainer's first group of
    parameters, and are saved with the state of the optimizer, so that a run that was resumed ends with the same bits
    as one that was not interrupted.

    `distillation/loss` (weighted) and `distillation/student_loss` (not weighted) are in the Trainer's logs.

    Instead of a teacher, the dataset may have its logits in a column `teacher_logits`, with
    `TrainingArguments(remove_unused_columns=False)`: of shape `(classes)`, `(tokens, classes)`, or for question
    answering `(tokens, 2)`, start and end.

    The model gets forward hooks in `on_train_begin` and loses them in `on_train_end`. After an exception or
    KeyboardInterrupt, which no event reports, the next call of the model notices that the Trainer is no longer among
    its callers, and removes them; a copy or pickle of the model never has any.

    Args:
        config ([`DistillationConfig`]): the teacher and what to learn from it. A teacher that is a module is put into
            evaluation mode, and gets no gradients.

    Raises (when training begins, or in the first step where the outputs must be known):
        ValueError: no teacher and no `teacher_logits`; the teacher is the student; an unknown layer; outputs that do
            not fit; a second `DistillationCallback`; or the Trainer computes the loss outside the model
            (`label_smoothing_factor`, `compute_loss_func`, an own `compute_loss`), or uses FSDP, DeepSpeed or
            `DataParallel`.

    Example:

    ```python
    loss = KnowledgeDistillationLossConfig(temperature=2.0, loss_types=["CE", "KL"], loss_weights=[0.5, 0.5])
    trainer.add_callback(DistillationCallback(DistillationConfig(teacher_model=copy.deepcopy(model), criterion=loss)))
    trainer.train()
    ```
    """

    replaces_loss = True  # of the model's output; False where a hand-written loop calls `on_after_compute_loss`

    def __init__(self, config: DistillationConfig):
        if not isinstance(config, DistillationConfig):
            raise UsageTypeError(f"`config` must be a DistillationConfig, got {type(config).__name__}.")
        self.config = config
        self.teacher: nn.Module | None = None
        self.forward: DistilledForward | None = None
        self.means: dict[str, float] = {}  # what was logged last
        self.steps = 0  # of the optimizer
        self.projections: ProjectionOptimizer | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config.criterion})"

    def on_train_begin(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        model: nn.Module = None,
        optimizer: Optimizer = None,
        **kwargs: Any,
    ) -> None:
        self._remove()  # what an earlier run that was interrupted has left
        run = TrainerRun(state)
        check_processes(args, self)
        run.refuse_second(self, "with a list of losses: `DistillationConfig(criterion=[...])`")
        refuse_losses_outside_the_model(args, run.trainer)
        run.log_first(self)
        self.config.use()
        criterion = build_criterion(self.config.criterion, args.seed)
        if args.fp16 and criterion.student_layer_names:
            raise UsageError(
                "Projections between layers cannot be trained with `fp16`, which scales gradients; use `bf16`."
            )
        self._prepare_teacher(args, model, criterion)
        saved = optimizer.state.get(STATE) or {}
        self.steps = state.global_step
        self.lost_state = state.global_step > 0 and not saved  # which matters if there are projections
        restore_projections(criterion.to(args.device), saved.get("projections", {}))
        self.projections = ProjectionOptimizer(criterion, saved.get("optimizer"))
        self.forward = DistilledForward(
            model,
            self.teacher,
            criterion,
            shifts_labels=shifts_labels(model),
            autocast_dtype=torch.bfloat16 if args.bf16 else torch.float16 if args.fp16 else None,
            rescale=getattr(run.trainer, "loss_is_scaled_for_ga", None) is not False,
            replaces_loss=self.replaces_loss,
            is_running=run.is_running,
        )
        if args.torch_compile:
            torch.compiler.reset()  # code that was compiled before does not call the hooks

    def _prepare_teacher(self, args: TrainingArguments, model: nn.Module, criterion: Criterion) -> None:
        if self.teacher is None:
            self.teacher = load_teacher(self.config.teacher_model, model, self.config.trust_remote_code)
        prepare_teacher(self.teacher, model, args.device)
        if self.teacher is not None:
            if criterion.needs_teacher_logits:
                check_same_logits(self.teacher, model)
            return
        if criterion.teacher_layer_names:
            raise UsageError(
                "Distillation of inner layers needs a teacher; set `teacher_model` in the DistillationConfig."
            )
        if criterion.needs_teacher_logits and args.remove_unused_columns:
            raise UsageError(
                f"There is neither a teacher nor can a column `{TEACHER_LOGITS}` of the dataset arrive: set "
                "`teacher_model` in the DistillationConfig, or `remove_unused_columns=False` in the TrainingArguments."
            )

    def on_after_compute_loss(
        self, student_output: Any, student_loss: Tensor, teacher_output: Any = None, call: tuple | None = None
    ) -> Tensor:
        """The loss to train, for loops without a Trainer; see [`DistilledForward.loss_after`]."""
        return self.forward.loss_after(student_output, student_loss, teacher_output, call)

    def on_substep_end(self, args, state, control, **kwargs: Any) -> None:
        self._check_loss_was_used()

    def on_pre_optimizer_step(self, args, state, control, **kwargs: Any) -> None:
        self._check_loss_was_used()
        if self.lost_state and self.projections.criterion.state_dict():
            raise UsageError(
                "This checkpoint was not made with this DistillationCallback, or without the state of the optimizer "
                "(`save_only_model`), so the trained projections between layers of different widths are lost; start "
                "training anew from its weights instead of resuming."
            )
        if not self.replaces_loss:  # the Trainer computes all losses alike, a loop may forget one
            self.forward.was_trained = False

    def _check_loss_was_used(self) -> None:
        if not self.forward.was_trained:
            if not self.replaces_loss:
                raise UsageError(
                    "The loss of this step has no distillation in it: call `loss = on_after_compute_loss(inputs, "
                    "outputs, loss)` before `loss.backward()`."
                )
            raise UsageError(
                "The Trainer did not train the loss that the model returns, which has the distillation in it"
                f"{'' if self.forward.was_called else '; it did not call the model itself'}. An own `compute_loss` "
                "must call `model(**inputs)` and use its `loss`; `compute_loss_func` must not be set."
            )

    def on_optimizer_step(self, args, state, control, optimizer: Optimizer = None, **kwargs: Any) -> None:
        self.steps += 1  # the clock of the state may be another one
        self.projections.step(optimizer.param_groups[0]["lr"])
        weights = dict(self.projections.criterion.state_dict())
        if weights:
            optimizer.state[STATE] = {"projections": weights, "optimizer": self.projections.state_dict()}

    def on_log(self, args, state, control, logs: dict[str, float] = None, **kwargs: Any) -> None:
        if self.forward is not None and "loss" in logs:
            self.means = means = self.forward.means.pop()
            add_to_logs(state, logs, {f"distillation/{name}": value for name, value in means.items()})

    def on_train_end(self, args, state, control, model: nn.Module = None, optimizer: Optimizer = None, **kw) -> None:
        means = self.forward.means.pop() or self.means
        figures = ", ".join(f"{name} {value:.4f}" for name, value in means.items()) or "nothing was computed"
        how = f"in {self.steps} steps" if self.steps else "without a hook that tells of steps"
        logger.log(NOTICE, "Distilled %s; at the end: %s.", how, figures)
        note_training(model, "distillation", self._recipe())
        self._remove()
        optimizer.state.pop(STATE, None)

    def _recipe(self) -> dict[str, Any]:
        """What was done, for the config of the model. The path of a teacher on this machine is nobody's business."""
        teacher = self.teacher and (base_model_of(self.teacher) or type(self.teacher).__name__)
        losses = self.config.criterion if isinstance(self.config.criterion, list) else [self.config.criterion]
        names = [type(loss).__name__.removesuffix("Config") for loss in losses if loss is not None]
        return {"teacher": teacher, "losses": names, "steps": self.steps}

    def _remove(self) -> None:
        if self.forward is not None:
            self.forward.remove()
        self.forward = self.projections = None
