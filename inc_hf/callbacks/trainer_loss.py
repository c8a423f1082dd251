"""Where and how the Trainer computes the loss."""

from typing import Any

from torch import nn
from transformers import TrainingArguments
from transformers.loss.loss_utils import LOSS_MAPPING, ForCausalLMLoss
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

from inc_hf.distill.outputs import without_adapters
from inc_hf.errors import UsageError


def refuse_losses_outside_the_model(args: TrainingArguments, trainer: Any) -> None:
    """Raise where the Trainer does not train the loss that the model returns, or copies the model.

    Args:
        args (`TrainingArguments`): those of the Trainer.
        trainer (`Trainer`, *optional*): None where something else fires the events.

    Raises:
        ValueError: `label_smoothing_factor` or `compute_loss_func` is set, or `torch.nn.DataParallel` is in use.
    """
    if args.label_smoothing_factor:
        raise UsageError(
            f"Distillation does not work with `label_smoothing_factor={args.label_smoothing_factor}`: the Trainer "
            "then computes the loss outside the model. Set it to 0; the teacher's logits soften the labels already."
        )
    if getattr(trainer, "compute_loss_func", None) is not None:
        raise UsageError(
            "Distillation does not work with `compute_loss_func`: the Trainer then computes the loss outside the "
            "model. Leave it out, or let the model's `forward` compute that loss."
        )
    if args.n_gpu > 1:
        raise UsageError(
            "Distillation does not work with `torch.nn.DataParallel`; start one process per GPU by `torchrun`."
        )


def shifts_labels(model: nn.Module) -> bool:
    """Whether the logits at one position predict the label of the next one, as those of a causal LM."""
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        return False
    # Not all causal models have a loss type: that of GPT-2 is None.
    names = {cls.__name__ for cls in type(without_adapters(model)).__mro__}
    is_causal = not names.isdisjoint(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values())
    return is_causal or LOSS_MAPPING.get(getattr(model, "loss_type", None)) is ForCausalLMLoss
