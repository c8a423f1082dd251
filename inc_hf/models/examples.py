"""Example inputs of every size for a model: those that its processor gives, and those that are asked for."""

from collections.abc import Iterable

from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.auto.tokenization_auto import TOKENIZER_MAPPING_NAMES

from inc_hf.errors import UsageError
from inc_hf.models.makers import SOUND, Sizes, hears_images, ids_of, made, parameters_of
from inc_hf.models.sizes import audio_size, count_of_types, sized_config

Batch = dict[str, Tensor]


def example(model: PreTrainedModel, sizes: Sizes | None = None, names: Iterable[str] | None = None) -> Batch:
    """A batch with random values.

    Args:
        names (`list[str]`, *optional*): of the inputs; by default those of [`usual_inputs`].

    Raises:
        ValueError: the model has no such input, or we do not know what it looks like.
    """
    sizes = sizes or Sizes()
    names = usual_inputs(model) if names is None else list(names)
    check_inputs(model, names)
    ids = ids_of(model, sizes)
    return {name: made(name, model, ids, sizes) for name in parameters_of(model) if name in names}


def check_inputs(model: PreTrainedModel, names: Iterable[str]) -> None:
    """Raise ValueError for names that are no inputs of the model."""
    if unknown := [name for name in names if name not in parameters_of(model)]:
        raise UsageError(f"{type(model).__name__} has no inputs {unknown}, only {', '.join(parameters_of(model))}.")


def usual_inputs(model: PreTrainedModel, besides: Iterable[str] = ()) -> list[str]:
    """What a processor of such a model gives, and `besides`; embeddings are instead of tokens."""
    besides = list(besides)
    found = [name for name in parameters_of(model) if _is_usual(name, model)]
    found += [name for name in besides if name not in found]
    return [name for name in found if name != "input_ids" or "inputs_embeds" not in besides]


def _is_usual(name: str, model: PreTrainedModel) -> bool:
    if name in main_inputs(model) or name in ("bbox", "xpath_tags_seq", "xpath_subs_seq"):
        return True
    if name == "token_type_ids":
        return name in text_inputs(model) and count_of_types(model) > 1
    if name == "attention_mask":
        reads = "input_ids" in parameters_of(model) and name in text_inputs(model)
        return reads or model.main_input_name in SOUND and not hears_images(model)
    return name in two_towers(model)


def main_inputs(model: PreTrainedModel) -> tuple[str, ...]:
    """What no call goes without."""
    name = type(model).__name__
    is_pair = model.config.is_encoder_decoder and not name.endswith(("Classification", "QuestionAnswering"))
    return (model.main_input_name, *(["decoder_input_ids"] if is_pair else []))


def two_towers(model: PreTrainedModel) -> tuple[str, ...]:
    """The inputs of a model that reads and sees, or reads and hears; nothing if it does only one of them."""
    names = set(parameters_of(model))
    if {"input_ids", "input_features"} <= names and audio_size(model) is not None:
        return ("input_ids", "input_features")
    both = {"input_ids", "pixel_values"} <= names
    return ("input_ids", "pixel_values", "pixel_mask") if both and sized_config(model) is not None else ()


def text_inputs(model: PreTrainedModel) -> list[str]:
    """What the tokenizers of such models give."""
    import transformers

    name = TOKENIZER_MAPPING_NAMES.get(model.config.model_type)
    tokenizer = getattr(transformers, name, None) if isinstance(name, str) else None
    usual = ["input_ids", "attention_mask", "token_type_ids"]
    if model.config.model_type == "siglip":  # its texts are padded, and the padding is read
        return ["input_ids"]
    try:
        return usual if tokenizer is None else tokenizer.model_input_names
    except ImportError:  # transformers has it only where a package is that is not here, such as SentencePiece
        return usual
