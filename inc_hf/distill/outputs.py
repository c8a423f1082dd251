"""Arguments and outputs of models whose kinds differ."""

import inspect
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from inc_hf.errors import UsageError
from inc_hf.matching.patterns import nearest

TEACHER_LOGITS = "teacher_logits"
# What a model needs for its own loss only. The teacher's loss is of no use.
TARGETS = ("labels", "shift_labels", "start_positions", "end_positions")

OTHER_OUTPUTS = (
    " TRL's `SFTTrainer` asks the model for these, and computes the loss itself: in a subclass of it, let "
    "`compute_loss` call `transformers.Trainer.compute_loss`."
)


def teacher_kwargs(teacher: nn.Module, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Those of the student's arguments that the teacher's `forward` names, without labels."""
    # An encoder-decoder can make the decoder's input of the labels.
    is_encoder_decoder = getattr(getattr(teacher, "config", None), "is_encoder_decoder", False)
    keeps_labels = is_encoder_decoder and kwargs.get("decoder_input_ids") is None
    kept = {key: value for key, value in kwargs.items() if key not in TARGETS or keeps_labels}
    known = inspect.signature(without_adapters(teacher).forward).parameters
    named = {key: value for key, value in kept.items() if key in known}
    if "use_cache" in known:  # the Trainer turns off the student's; with one, texts packed in a row see each other
        named["use_cache"] = False
    return named or kept


def without_adapters(model: nn.Module) -> nn.Module:
    """The model inside one of PEFT, whose own `forward` names only a few arguments."""
    get_base_model = getattr(model, "get_base_model", None)
    return model if get_base_model is None else get_base_model()


def as_mapping(outputs: Any, role: str) -> Mapping[str, Any]:
    """The output of a model by key.

    Raises:
        ValueError: it is not a mapping, nor the logits of a teacher.
    """
    if isinstance(outputs, Mapping):
        return outputs
    if role == "teacher" and isinstance(outputs, Tensor):
        return {"logits": outputs}
    raise UsageError(
        f"The {role} must return a mapping such as a `ModelOutput`, got {type(outputs).__name__}; set "
        "`return_dict=True` in its config."
    )


def split_logits(logits: Tensor, outputs: Mapping[str, Any]) -> dict[str, Tensor]:
    """A column of teacher logits under the keys of the student's output."""
    if "start_logits" not in outputs:
        return {"logits": logits}
    if logits.ndim != 3 or logits.shape[-1] != 2:
        raise UsageError(
            f"`{TEACHER_LOGITS}` for question answering must have the shape (batch, tokens, 2), start and end logits, "
            f"got {tuple(logits.shape)}."
        )
    return {"start_logits": logits[..., 0], "end_logits": logits[..., 1]}


def output_of(outputs: Mapping[str, Any], key: str, role: str) -> Tensor:
    """The tensor `outputs[key]`.

    Raises:
        ValueError: there is none; the message lists the keys that there are.
    """
    value = outputs.get(key)
    if not isinstance(value, Tensor):
        raise UsageError(
            f"The {role}'s output has no tensor {key!r}, only the keys {', '.join(outputs)}{nearest(key, outputs)}."
            f"{OTHER_OUTPUTS if role == 'student' and 'log_probs' in outputs else ''}"
        )
    return value
