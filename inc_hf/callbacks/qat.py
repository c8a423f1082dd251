"""Quantization-aware training inside the Trainer."""

import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from inc_hf.callbacks.run import TrainerRun
from inc_hf.callbacks.support import check_processes
from inc_hf.checkpoint import attach_quantizers
from inc_hf.config import PostTrainingQuantConfig, QuantizationAwareTrainingConfig
from inc_hf.config.checks import check_float
from inc_hf.coverage import Coverage, Reason
from inc_hf.errors import UsageError, UsageTypeError
from inc_hf.models.inputs import made_up_batch
from inc_hf.models.modalities import lacking
from inc_hf.models.recipe import note_training
from inc_hf.quantize import resolve_schemes
from inc_hf.quantize.coverage import Inventory, inventory_of
from inc_hf.quantize.in_words import bits_in_words
from inc_hf.quantize.nn import quantized_modules, weight_owner
from inc_hf.quantize.qat import MovingRange, finish_qat, prepare_qat, qat_modules, unprepare_qat
from inc_hf.quantize.resolve import NEVER_CALLED
from inc_hf.quantize.scheme import Scheme
from inc_hf.quantize.support import check_supported
from inc_hf.quantize.workflow import evaluating
from inc_hf.undo import restored, restored_on_error

logger = logging.getLogger(__name__)

STATE = "inc_hf_qat"  # the key in the state of the optimizer, which the Trainer saves and loads
APPROACHES = ("dynamic", "static")
OURS = ("minmax", "moving_average")  # names of observers that fit what training does, the first being INC's


class QuantizationAwareTrainingCallback(TrainerCallback):
    """
    Trains the Trainer's model with weights and activations rounded as the integer kernels will round them, and
    converts it when training ends: `trainer.save_model()` then writes the checkpoint of post-training quantization.

    Parameters stay what they are, so that every checkpoint of the run is one of the plain float model. Together with
    a [`PruningCallback`] zeros stay exactly zero. The ranges of static activations are saved with the state of the
    optimizer, so that a run that was resumed ends with the same bits as one that was not interrupted.

    Args:
        config ([`QuantizationAwareTrainingConfig`], *optional*):
            Which layers, and how many bits their weights get. Layers whose `activation` settings name a scheme, a
            granularity or the dtype uint8 get static activations, as in INC; those with the granularity `per_token`
            dynamic ones.
        approach (`str`, *optional*, defaults to `"dynamic"`):
            Activations of the other layers: `"dynamic"` (one scale per token, computed at run time) or `"static"` (a
            moving average of their range, INC's only one).
        freeze_step (`int` or `float`, *optional*, defaults to 0.8):
            Optimizer step from which on static ranges do not move any more; a float in (0, 1] is a share of the run.

    Attributes:
        coverage ([`Coverage`] or `None`): after training, what was quantized, and why the rest was not.

    Raises (when training begins):
        ValueError: the config does not fit the model, the model is quantized already, FSDP or DeepSpeed is in use, or
            the Trainer has a second callback of this kind.

    Example:

    ```python
    config = QuantizationAwareTrainingConfig(op_type_dict={"Linear": {"weight": {"bits": 4}}})
    trainer.add_callback(QuantizationAwareTrainingCallback(config))
    trainer.train()
    trainer.save_model("out")
    ```
    """

    def __init__(
        self,
        config: QuantizationAwareTrainingConfig | None = None,
        approach: str = "dynamic",
        freeze_step: int | float = 0.8,
    ):
        if config is not None and not isinstance(config, QuantizationAwareTrainingConfig):
            raise UsageTypeError(f"`config` must be a QuantizationAwareTrainingConfig, got {type(config).__name__}.")
        if approach not in APPROACHES:
            raise UsageError(f"`approach` must be one of {', '.join(APPROACHES)}, got {approach!r}.")
        if check_float("freeze_step", freeze_step) <= 0:
            raise UsageError(f"`freeze_step` must be a step or a share of the run above 0, got {freeze_step}.")
        self.config = config or QuantizationAwareTrainingConfig()
        self.approach, self.freeze_step = approach, freeze_step
        self.ranges: dict[str, MovingRange] = {}
        self.coverage: Coverage | None = None
        self.keeps_float = False  # whether `float_layers` are there after training
        self.float_layers: dict[str, nn.Module] = {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.config}, approach={self.approach!r}, freeze_step={self.freeze_step})"

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
        run.refuse_second(self, "with all settings in one QuantizationAwareTrainingConfig")
        self.config.use()
        unprepare_qat(model)  # what an earlier run that was interrupted has left
        with restored_on_error(model):
            self._begin(args, model, optimizer, state.global_step)

    def _begin(self, args: TrainingArguments, model: nn.Module, optimizer: Optimizer, global_step: int) -> None:
        settings = PostTrainingQuantConfig(
            device=self.config.device,
            backend=self.config.backend,
            approach=self.approach,
            reduce_range=self.config.reduce_range,
            op_type_dict=self.config.op_type_dict,
            op_name_dict=self.config.op_name_dict,
        )
        check_supported(settings)
        self.left: dict[str, Reason] = {}
        self.inventory: Inventory = inventory_of(model)
        prepare_qat(model, observed_in_training(resolve_schemes(model, settings, left=self.left, by_layer=True)))
        modules = qat_modules(model)
        self.ranges = {name: module.input_range for name, module in modules.items() if module.input_range is not None}
        if self.ranges and global_step > 0 and STATE not in optimizer.state:
            raise UsageError(
                "This checkpoint was not made with a QuantizationAwareTrainingCallback, or without the state of the "
                "optimizer (`save_only_model`), so the ranges of its activations are lost; start training anew from "
                "its weights instead of resuming."
            )
        self._restore(optimizer.state.get(STATE, {}))
        if args.torch_compile:
            torch.compiler.reset()  # code that was compiled before does not round
        logger.info(
            "Training %d layers with rounded weights, %d of them with static activations.",
            len(modules),
            len(self.ranges),
        )

    def _restore(self, saved: dict[str, Tensor]) -> None:
        for name, bounds in saved.items():
            if name not in self.ranges:
                raise UsageError(
                    f"The checkpoint has a range of activations of `{name}`, which is not quantized statically now; "
                    "resume with the config that it was made with."
                )
            self.ranges[name].low, self.ranges[name].high = bounds.tolist()
            self.ranges[name].has_data = True

    def on_step_begin(self, args, state, control, **kwargs: Any) -> None:
        is_share = isinstance(self.freeze_step, float) and self.freeze_step <= 1
        freeze_step = self.freeze_step * state.max_steps if is_share else self.freeze_step
        for seen in self.ranges.values():
            seen.frozen = seen.has_data and state.global_step >= freeze_step

    def on_optimizer_step(self, args, state, control, optimizer: Optimizer = None, **kwargs: Any) -> None:
        _share_among_processes(self.ranges, args.device)
        for seen in self.ranges.values():
            seen.advance()
        bounds = {name: (seen.low, seen.high) for name, seen in self.ranges.items() if seen.has_data}
        if bounds:
            optimizer.state[STATE] = {name: torch.tensor(b, dtype=torch.float64) for name, b in bounds.items()}

    def on_train_end(self, args, state, control, model: nn.Module = None, optimizer: Optimizer = None, **kw) -> None:
        """Convert the model; if that fails, it is as it was, with the weights that were trained."""
        schemes = qat_modules(model)
        with restored_on_error(model):
            if self.ranges and args.load_best_model_at_end and state.best_model_checkpoint:
                self._restore(ranges_of_checkpoint(Path(state.best_model_checkpoint)))
            uncalled = note_inputs(model)
            self.left |= dict.fromkeys(uncalled, NEVER_CALLED)
            attach_quantizers(finish_qat(model, uncalled, self.float_layers if self.keeps_float else None))
        optimizer.state.pop(STATE, None)
        converted = quantized_modules(model)
        meant = schemes.keys() - set(uncalled)
        self.coverage = self.inventory.coverage("Quantized", converted, self.left, meant, meant)
        self.coverage.how = bits_in_words(model)
        self.coverage.log(logger)
        note_training(model, "quantization", {"approach": self.approach, "steps": state.global_step})


def observed_in_training(schemes: dict[str, Scheme]) -> dict[str, Scheme]:
    """The schemes with the one observer that training has, and a word on others that the config names."""
    others = {name for name, scheme in schemes.items() if scheme.is_static and scheme.activation.observer not in OURS}
    for observer in sorted({schemes[name].activation.observer for name in others}):
        logger.warning(
            "In training, ranges of activations are a moving average of their extremes; `algorithm` %r changes "
            "nothing here, it is for quantization after training.",
            observer,
        )
    return {name: s.with_observer("moving_average") if name in others else s for name, s in schemes.items()}


@torch.no_grad()
def note_inputs(model: nn.Module) -> list[str]:
    """Call the model once if no step has called all layers, so that each knows the dimensions of its input; returns
    the names of those which are never called, such as weights that are only read.

    Steps leave out layers at random (LayerDrop), and a run that was finished before, and is resumed to get the model,
    has none.
    """
    modules = qat_modules(model)
    if all(module.input_ndim is not None for module in modules.values()):
        return []
    batch = made_up_batch(model)
    if batch is None:
        return []
    with restored(model), evaluating(model):
        model(**batch)
        found = {name: module.input_ndim for name, module in modules.items()}
    for name, ndim in found.items():
        modules[name].input_ndim = ndim
    called = {weight_owner(module) for module in modules.values() if module.input_ndim is not None}
    unknown = lacking(model, batch)  # what else the model would call
    return [] if unknown else [name for name, module in modules.items() if weight_owner(module) not in called]


def ranges_of_checkpoint(checkpoint: Path) -> dict[str, Tensor]:
    """The ranges that belong to the weights of a checkpoint; none, with a warning, if it has no optimizer."""
    path = checkpoint / "optimizer.pt"
    if not path.is_file():
        logger.warning("%s has no optimizer.pt: its weights get the ranges of the last step.", checkpoint)
        return {}
    return torch.load(path, map_location="cpu", weights_only=True)["state"].get(STATE, {})


def _share_among_processes(ranges: dict[str, MovingRange], device: torch.device) -> None:
    """Let every process see what any of them saw, so that their ranges stay equal."""
    if not ranges or not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return
    # On the device, since NCCL takes no other tensors; float32 is what the extremes were computed in.
    seen = torch.tensor([[r.seen_low, -r.seen_high] for r in ranges.values()], dtype=torch.float32, device=device)
    torch.distributed.all_reduce(seen, op=torch.distributed.ReduceOp.MIN)
    for found, (low, negated_high) in zip(ranges.values(), seen.tolist(), strict=True):
        found.seen_low, found.seen_high = low, -negated_high
