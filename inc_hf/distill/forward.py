"""A student whose loss includes the distillation, by hooks on its forward pass."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from inc_hf.distill.features import Hook, LayerOutputs
from inc_hf.distill.loss import IGNORED, aligned_labels
from inc_hf.distill.outputs import TEACHER_LOGITS, as_mapping, split_logits, teacher_kwargs
from inc_hf.distill.progress import RunningMeans
from inc_hf.distill.signals import Criterion, Signals
from inc_hf.errors import UsageError


class _EagerHook(Hook):
    # Compiled code would keep calling a hook after its removal, and could not see the call stack.
    __call__ = torch.compiler.disable(Hook.__call__)


class DistilledForward:
    """
    Puts `student_weight * student_loss + distillation` in the place of the loss that the student returns while it is
    in training mode, until `remove`. Its signature, its weights and what it does in evaluation mode stay as they are.

    Two arguments are taken out of the student's keywords before it sees them: `teacher_logits`, logits of the teacher
    that were computed beforehand, and in training `num_items_in_batch`, which some models heed and others ignore
    (transformers#47688). The loss of a batch is its mean times its share of these items, so that the sum over the
    batches of one optimizer step is the mean over all of them. Losses of layers are means over samples; where the
    items are tokens, batches with more labels weigh more in them.

    Args:
        student (`nn.Module`): returns a mapping with `"logits"`, or `"start_logits"` and `"end_logits"`.
        teacher (`nn.Module`, *optional*): returns a mapping of that kind, or the logits. Arguments of the student
            that its `forward` does not name are not passed on to it.
        criterion ([`Criterion`]): computes the distillation.
        shifts_labels (`bool`, *optional*, defaults to `False`): whether logits at i predict the label at i + 1.
        autocast_dtype (`torch.dtype`, *optional*): of the autocast that the student computes in.
        rescale (`bool`, *optional*, defaults to `True`): whether to heed `num_items_in_batch`.
        replaces_loss (`bool`, *optional*, defaults to `True`): False leaves the student's output as it is, and the
            loss comes from `loss_after`.
        is_running (function, *optional*): when it says False, the hooks have outlived their run and remove themselves.

    Raises:
        ValueError: a layer that `criterion` names does not exist.
    """

    def __init__(
        self,
        student: nn.Module,
        teacher: nn.Module | None,
        criterion: Criterion,
        *,
        shifts_labels: bool = False,
        autocast_dtype: torch.dtype | None = None,
        rescale: bool = True,
        replaces_loss: bool = True,
        is_running: Callable[[], bool] = lambda: True,
    ):
        self.teacher, self.criterion = teacher, criterion
        self.shifts_labels, self.autocast_dtype, self.rescale = shifts_labels, autocast_dtype, rescale
        self.replaces_loss, self.is_running = replaces_loss, is_running
        self.is_encoder_decoder = getattr(getattr(student, "config", None), "is_encoder_decoder", False)
        self.was_called = self.was_trained = False
        self._needs_layers = bool(criterion.teacher_layer_names)
        self._device = next(student.parameters()).device
        self.means = RunningMeans(("loss", "student_loss"), self._device)
        self._teacher_logits = self._num_items = None
        self._call: tuple | None = None  # the last one, until `loss_after` asks for it
        self._handles: list[Any] = []
        # First, so that the output of the whole model is collected before it is changed.
        self._student_layers = LayerOutputs(student, criterion.student_layer_names, "student")
        try:
            source = nn.Module() if teacher is None else teacher
            self._teacher_layers = LayerOutputs(source, criterion.teacher_layer_names, "teacher")
        except ValueError:
            self._student_layers.remove()
            raise
        self._handles = [
            student.register_forward_pre_hook(_EagerHook(self._before), with_kwargs=True, prepend=True),
            student.register_forward_hook(_EagerHook(self._after), with_kwargs=True),
        ]

    def remove(self) -> None:
        """Take all hooks away."""
        for handle in (*self._handles, self._student_layers, self._teacher_layers):
            handle.remove()

    def _before(self, student: nn.Module, args: tuple, kwargs: dict[str, Any]) -> tuple | None:
        if not self.is_running():
            self.remove()
            return None
        self._teacher_logits = kwargs.pop(TEACHER_LOGITS, None)
        if (student.training or not self.replaces_loss) and torch.is_grad_enabled():
            self._num_items = kwargs.pop("num_items_in_batch", None)
            self._student_layers.start()
        return args, kwargs

    def _after(self, student: nn.Module, args: tuple, kwargs: dict[str, Any], outputs: Any) -> Any:
        if not self._student_layers.recording:
            return None
        layers = self._student_layers.stop()
        if not self.replaces_loss:
            self._call = (args, kwargs, layers)
            return None
        outputs = as_mapping(outputs, "student")
        outputs["loss"] = self._loss(args, kwargs, layers, outputs, outputs.get("loss"))
        if outputs["loss"].requires_grad:
            outputs["loss"].register_hook(self._note_backward)
        return outputs

    def loss_after(
        self,
        outputs: Any,
        student_loss: Tensor | None,
        teacher_outputs: Any = None,
        call: tuple[tuple, dict[str, Any]] | None = None,
    ) -> Tensor:
        """The loss of the last call of the student, for loops that compute `student_loss` themselves.

        Args:
            outputs: what the student returned: a mapping, or the logits.
            student_loss (`torch.Tensor`, *optional*): the mean loss of the batch.
            teacher_outputs (*optional*): of the same batch, a mapping or the logits; otherwise the teacher is called.
            call (*optional*): what the student was called with, by position and by name, if that was before there were
                hooks; the outputs of its layers are not known then.

        Raises:
            ValueError: the student was not called with gradients since the last time.
        """
        if self._call is None and call is not None and not self.criterion.student_layer_names:
            self._call = (*call, {})
        if self._call is None:
            raise UsageError(
                "There is no output of the student to distil into: the model was not called with gradients since "
                "the last `on_after_compute_loss`, or it is not the model that is compressed."
            )
        (args, kwargs, layers), self._call = self._call, None
        outputs = {"logits": outputs} if isinstance(outputs, Tensor) else as_mapping(outputs, "student")
        self.was_trained = True
        return self._loss(args, kwargs, layers, outputs, student_loss, teacher_outputs)

    def _loss(
        self,
        args: tuple,
        kwargs: dict[str, Any],
        layers: Mapping,
        outputs: Mapping,
        student_loss: Tensor | None,
        teacher_outputs: Any = None,
    ) -> Tensor:
        distillation = self.criterion(self._signals(args, kwargs, outputs, layers, teacher_outputs))
        self.was_called = True
        return self._blend(student_loss, torch.as_tensor(distillation, device=self._device), kwargs)

    def _note_backward(self, gradient: Tensor) -> None:
        self.was_trained = True

    def _signals(
        self, args: tuple, kwargs: dict[str, Any], outputs: Mapping, layers: Mapping, teacher_outputs: Any
    ) -> Signals:
        teacher, teacher_layers = self._run_teacher(args, kwargs, teacher_outputs)
        if self._teacher_logits is not None:
            teacher = {**teacher, **split_logits(self._teacher_logits, outputs)}
        labels, mask = self._labels(kwargs), kwargs.get("attention_mask")
        decoder_mask = kwargs.get("decoder_attention_mask") if self.is_encoder_decoder else mask
        token_mask = decoder_mask if labels is None else labels.ne(IGNORED)
        return Signals(
            student=outputs,
            teacher=teacher,
            student_layers=layers,
            teacher_layers=teacher_layers,
            token_mask=None if token_mask is None else token_mask.to(torch.bool),
            encoder_mask=mask,
            decoder_mask=token_mask if self.is_encoder_decoder else mask,
        )

    def _labels(self, kwargs: dict[str, Any]) -> Tensor | None:
        if kwargs.get("shift_labels") is not None:
            return kwargs["shift_labels"]
        labels = kwargs.get("labels")
        return aligned_labels(labels, self.shifts_labels) if isinstance(labels, Tensor) else None

    def _run_teacher(self, args: tuple, kwargs: dict[str, Any], outputs: Any) -> tuple[Mapping[str, Any], Mapping]:
        given = {} if outputs is None else as_mapping(outputs, "teacher")
        needs_logits = self.criterion.needs_teacher_logits and self._teacher_logits is None and not given
        if not (needs_logits or self._needs_layers):
            return given, {}
        if self.teacher is None:
            raise UsageError(
                f"There is neither a teacher nor a column `{TEACHER_LOGITS}` in the batch. Set `teacher_model` in the "
                "DistillationConfig, or put the column into the dataset and set `remove_unused_columns=False` in the "
                "TrainingArguments, since the Trainer drops columns that the model does not know."
            )
        self._teacher_layers.start()
        dtype = self.autocast_dtype
        # No cache, since it would keep a copy of the teacher's weights until the student's own autocast ends.
        autocast = torch.autocast(self._device.type, dtype=dtype, enabled=dtype is not None, cache_enabled=False)
        with torch.no_grad(), autocast:
            outputs = self.teacher(*args, **teacher_kwargs(self.teacher, kwargs))
        return as_mapping(outputs, "teacher"), self._teacher_layers.stop()

    def _blend(self, student_loss: Tensor | None, distillation: Tensor, kwargs: dict[str, Any]) -> Tensor:
        weight = self.criterion.student_weight
        if student_loss is None and weight > 0:
            raise UsageError(
                f"The student returned no loss, which is to count {weight} times: the batch has no labels that it "
                "takes. Add them, or leave out the student's loss by `loss_weights=[0, 1]` or `add_origin_loss=False`."
            )
        loss = distillation if student_loss is None or weight == 0 else weight * student_loss + distillation
        labels = self._labels(kwargs)
        items = 1 if labels is None else labels.ne(IGNORED).sum()
        self.means.add("loss", distillation, items)
        if student_loss is not None:
            self.means.add("student_loss", student_loss, items)
        if self._num_items is None or labels is None or not self.rescale:
            return loss
        # A batch without items has a student's loss of 0 / 0.
        return torch.where(items > 0, loss * (items / self._num_items), torch.zeros_like(loss))
