"""From samples to a batch."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad
from transformers import DataCollatorWithPadding, default_data_collator

from inc_hf.models.labels import IGNORED, PLACES
from inc_hf.models.samples import DIMENSIONS, dimensions_of

SOUND = ("input_values", "input_features")
PADDED_BY_TOKENIZERS = ("input_ids", "attention_mask", "token_type_ids", "special_tokens_mask")


def collate(samples: list[dict[str, Any]], model: nn.Module, processor: Any = None) -> dict[str, Tensor]:
    """A batch: texts padded by their tokenizer, all else with zeros behind, to the longest of the samples; what
    belongs to tokens, such as their labels and boxes, on the side that the tokenizer pads."""
    tokenizer = getattr(processor, "tokenizer", processor)
    if tokenizer is not None and all(dimensions_of(sample.get("input_ids")) == 1 for sample in samples):
        return _of_texts(samples, model, tokenizer)
    samples = _with_mask(_padded(samples, ["labels"], IGNORED), model)
    keys = [key for key in samples[0] if key not in ("labels", "input_ids")]
    return default_data_collator(_padded(_padded(samples, keys, 0), ["input_ids"], _padding_id(model, tokenizer)))


def _of_texts(samples: list[dict[str, Any]], model: nn.Module, tokenizer: Any) -> dict[str, Tensor]:
    known = {*PADDED_BY_TOKENIZERS, *tokenizer.model_input_names}
    texts = [{key: value for key, value in sample.items() if key in known} for sample in samples]
    others = [{key: value for key, value in sample.items() if key not in known} for sample in samples]
    for key in others[0]:
        on_left = tokenizer.padding_side == "left" and _is_per_token(key, samples, model)
        others = _padded(others, [key], IGNORED if key == "labels" else 0, on_left)
    if tokenizer.padding_side == "left":
        others = _moved_right(others, texts)
    return {**DataCollatorWithPadding(_that_pads(tokenizer))(texts), **default_data_collator(others)}


def _moved_right(others: list[dict[str, Any]], texts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Places among the tokens, behind as many that pad."""
    longest = max(len(text["input_ids"]) for text in texts)
    moved = []
    for sample, text in zip(others, texts, strict=True):
        places = {key: sample[key] for key in PLACES if isinstance(sample.get(key), int) and sample[key] != IGNORED}
        moved.append(sample | {key: place + longest - len(text["input_ids"]) for key, place in places.items()})
    return moved


def _is_per_token(key: str, samples: list[dict[str, Any]], model: nn.Module) -> bool:
    """Whether a column has something for each token; labels of a model that writes are a text of their own."""
    if key == "labels" and getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        return False
    return all(dimensions_of(s.get(key)) and len(s[key]) == len(s["input_ids"]) for s in samples)


def _that_pads(tokenizer: Any) -> Any:
    """Pads with the end of the text where the tokenizer has no padding token, as those of most decoders."""
    if tokenizer.pad_token is None and tokenizer.eos_token is not None:
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def _padding_id(model: nn.Module, tokenizer: Any) -> int:
    known = getattr(tokenizer, "pad_token_id", None), getattr(getattr(model, "config", None), "pad_token_id", None)
    return next((number for number in known if isinstance(number, int) and number >= 0), 0)


def _padded(samples: list[dict[str, Any]], keys: list[str], value: int, on_left: bool = False) -> list[dict[str, Any]]:
    """The samples with the tensors of `keys` as long as the longest, along each axis; `on_left` is of the first."""
    samples = [dict(sample) for sample in samples]
    for key in keys:
        if any(not dimensions_of(sample.get(key)) for sample in samples):
            continue
        tensors = [_tensor(sample[key], value) for sample in samples]
        if all(t is not None for t in tensors) and len(_lengths([sample[key] for sample in samples])) > 1:
            for sample, tensor in zip(samples, _to_largest(tensors, value, on_left), strict=True):
                sample[key] = tensor.tolist() if key == "labels" else tensor  # as tokenizers take them
    return samples


def _tensor(values: Any, padding: int) -> Tensor | None:
    """Numbers in lists as a tensor, those of a list in the list padded; None for what are none."""
    if isinstance(values, Tensor):
        return values
    if isinstance(values, list | tuple) and dimensions_of(values) > 1:
        parts = [_tensor(part, padding) for part in values]
        return None if any(part is None for part in parts) else torch.stack(_to_largest(parts, padding))
    return None if isinstance(values, list | tuple) and isinstance(values[0], str) else torch.as_tensor(values)


def _to_largest(tensors: list[Tensor], value: int, on_left: bool = False) -> list[Tensor]:
    if len({tensor.ndim for tensor in tensors}) > 1:
        return tensors  # which stacking refuses
    largest = [max(sizes) for sizes in zip(*(tensor.shape for tensor in tensors), strict=True)]
    return [pad(tensor, _amounts(tensor, largest, on_left), value=value) for tensor in tensors]


def _amounts(tensor: Tensor, largest: list[int], on_left: bool) -> list[int]:
    """How much is missing before and behind each axis, the last axis first."""
    missing = [(0, large - size) for large, size in zip(largest, tensor.shape, strict=True)]
    if on_left:
        missing[0] = missing[0][::-1]
    return [amount for pair in missing[::-1] for amount in pair]


def _with_mask(samples: list[dict[str, Any]], model: nn.Module) -> list[dict[str, Any]]:
    """Samples of several lengths with an attention mask, which tells padding apart; wav2vec 2.0 that normalizes over
    time was trained without."""
    name = next((name for name in ("input_ids", *SOUND) if all(dimensions_of(s.get(name)) for s in samples)), None)
    if name is None or any("attention_mask" in sample for sample in samples):
        return samples
    if name in SOUND and getattr(getattr(model, "config", None), "feat_extract_norm", "layer") == "group":
        return samples
    if len(_lengths([sample[name] for sample in samples])) == 1:
        return samples
    return [{**sample, "attention_mask": _ones(sample[name], DIMENSIONS[name])} for sample in samples]


def _lengths(values: list[Any]) -> set[tuple[int, ...]]:
    """The shapes of all tensors or plain lists in `values`."""
    shapes = set()
    for value in values:
        is_nested = isinstance(value, list | tuple) and dimensions_of(value) > 1
        parts = _lengths(list(value)) if is_nested else {()}
        shapes |= {(len(value), *part) for part in parts} if not hasattr(value, "shape") else {tuple(value.shape)}
    return shapes


def _ones(values: Any, dimensions: int) -> Any:
    """A mask of ones for each place of a text, a sound or their frames; of several texts, one for each."""
    if isinstance(values, list | tuple) and dimensions_of(values) > dimensions:
        return [_ones(part, dimensions) for part in values]
    shape = tuple(getattr(values, "shape", (len(values),)))
    return torch.ones(shape[: 1 + len(shape) - dimensions], dtype=torch.long)
