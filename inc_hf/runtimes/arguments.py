"""What a call gives to a file: the inputs that it has, and a refusal by name of all that would be dropped."""

import inspect
from collections.abc import Collection, Mapping
from typing import Any

from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from inc_hf.errors import UsageError
from inc_hf.export.built_in import BuiltIn, default_of, is_default
from inc_hf.models.kv_cache import CACHE
from inc_hf.runtimes.session import Session

# Of no meaning where torch computes nothing, or seen to elsewhere.
HANDLED = {"return_dict", "num_items_in_batch", "cache_position"}
# What is not an input of a file, but is known to a step of generation.
STEP = (CACHE, "past_key_values", "use_cache", "logits_to_keep", "encoder_outputs", "labels")
# Ask for outputs that files do not have; a config may ask for them, too.
ASKS_FOR_OUTPUTS = ("output_hidden_states", "output_attentions")


def without_metadata(config: PreTrainedConfig) -> BuiltIn:
    """What is built in, as far as the config tells, where a file does not say so."""
    types = getattr(config, "type_vocab_size", None)
    return BuiltIn(
        defaults={"attention_mask": 1} | ({"token_type_ids": 0} if types else {}),
        ignored=["token_type_ids"] if types == 0 else [],
    )


def refuse_what_is_missing(
    model: PreTrainedModel, inputs: Mapping[str, Any], taken: Collection[str], start: int = 0
) -> None:
    """Raise ValueError if a call gives what `taken` does not name, and what is not the value that is built in.

    Args:
        start (`int`): how many tokens came before, which places are counted from.
    """
    for name in ASKS_FOR_OUTPUTS:
        asked = inputs.get(name)
        if getattr(model.config, name, False) if asked is None else asked:
            raise UsageError(
                f"`{name}` asks for outputs that the file of this {type(model).__name__} does not have; pass "
                f"`{name}=False`, or use backend='torch'."
            )
    parameters = inspect.signature(model.forward).parameters
    for name, value in inputs.items():
        if value is None or name in taken or name in HANDLED or name in ASKS_FOR_OUTPUTS:
            continue
        if not _is_built_in(name, value, model.built_in, parameters, start):
            raise UsageError(
                f"`{name}` is not in the file of this {type(model).__name__}, which takes "
                f"{', '.join(n for n in taken if n in parameters and n not in STEP)}; leave it out, "
                f"{_how_to_write(name, model)}or use backend='torch'."
            )


def _how_to_write(name: str, model: PreTrainedModel) -> str:
    if model.can_generate() and name != "token_type_ids":
        return ""
    return f"write the file with it (`inc-hf export --inputs {name}`, `export_model(..., inputs=[{name!r}])`), "


def _is_built_in(name: str, value: Any, built_in: BuiltIn, parameters: Mapping[str, Any], start: int) -> bool:
    if not isinstance(value, Tensor):
        is_nothing = value is False or isinstance(value, Mapping) and not value
        return is_nothing or name in parameters and value == parameters[name].default
    if name in built_in.ignored or name == "token_type_ids" and name not in parameters:
        return True
    return is_default(value, built_in.defaults.get(name), start)


def feed_of(model: PreTrainedModel, session: Session, inputs: dict[str, Any]) -> dict[str, Any]:
    """The inputs, and the values that are built in for those that the file has and the call has not.

    A mask of texts has to come: without it, padding would be read.

    Raises:
        ValueError: something that was given would be dropped.
    """
    refuse_what_is_missing(model, inputs, session.input_names)
    main, embeddings = inputs.get(model.main_input_name), inputs.get("inputs_embeds")
    main = embeddings[..., 0] if main is None and embeddings is not None else main
    is_text = model.main_input_name == "input_ids"
    for name in session.input_names:
        default = model.built_in.defaults.get(name)
        if default is None or inputs.get(name) is not None or main is None or (is_text and name == "attention_mask"):
            continue
        inputs[name] = default_of(_shape_of(name, session, main), default)
    return inputs


def _shape_of(name: str, session: Session, main: Tensor) -> tuple[int, ...]:
    """That of an input, whose axes that may change are as long as those of the main input."""
    shape = session.input_shapes[name]
    lengths = main.shape[:1] + main.shape[2:] if name == "pixel_mask" else main.shape
    return tuple(dim if isinstance(dim, int) else lengths[axis] for axis, dim in enumerate(shape))


def logits_kept(logits: Tensor, keep: int | Tensor | None) -> Tensor:
    """The logits of the last tokens, or of those at some places, as `logits_to_keep` says."""
    if keep is None or not isinstance(keep, Tensor) and keep == 0:
        return logits
    return logits[:, keep] if isinstance(keep, Tensor) else logits[:, -keep:]


def as_asked(outputs: Any, return_dict: bool | None, config: PreTrainedConfig) -> Any:
    """A tuple instead of a `ModelOutput`, where the call or the config says so."""
    wanted = getattr(config, "return_dict", True) if return_dict is None else return_dict
    return outputs if wanted else outputs.to_tuple()
