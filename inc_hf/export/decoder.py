"""Decoders that keep keys and values, in a form that takes and returns them as plain tensors."""

import inspect
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedModel
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from inc_hf.errors import UsageError
from inc_hf.export.built_in import METADATA, SAME, BuiltIn
from inc_hf.export.part import Axes, Part
from inc_hf.models.inputs import MISFIT, example_batch
from inc_hf.models.kv_cache import CACHE, PAST, PRESENT, dynamic_cache, named_pairs, pairs_named, pairs_of
from inc_hf.models.makers import parameters_of

# Others keep more: the keys of an indexer (DeepSeek 3.2), states of a linear attention; MiniMax in a cache of its own.
PLAIN_LAYERS = (DynamicLayer, DynamicSlidingWindowLayer)


class CachedDecoder(nn.Module):
    """A causal language model: `input_ids`, `attention_mask`, `position_ids`, `past_key_values.N.{key,value}` in,
    `logits`, `present.N.{key,value}` out. The mask is as long as past and input together."""

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.model = model

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        cache = dynamic_cache(pairs_named(inputs, PAST))
        rest = {name: tensor for name, tensor in inputs.items() if not name.startswith(PAST)}
        outputs = self.model(**rest, use_cache=True, **{CACHE: cache})
        return {"logits": outputs.logits, **named_pairs(pairs_of(outputs[CACHE]), PRESENT)}


@torch.no_grad()
def decoder_part(model: PreTrainedModel, inputs: Sequence[str] = ()) -> Part:
    """A causal language model as a [`Part`].

    Args:
        inputs (`list[str]`): optional inputs besides, each a number per token.

    Raises:
        ValueError: it keeps something else than keys and values, as Mamba does, or has no such inputs.
    """
    besides = [name for name in inputs if name not in ("input_ids", "attention_mask", "position_ids")]
    if unknown := [name for name in besides if name != "token_type_ids" or name not in parameters_of(model)]:
        raise UsageError(f"A {type(model).__name__} with its cache cannot be written with {', '.join(unknown)}.")
    try:
        cache = model(**example_batch(model), use_cache=True).get(CACHE)
    except MISFIT as error:
        reason = f"{type(error).__name__}: {error}"[:300]
        raise UsageError(
            f"{type(model).__name__} does not run on text alone ({reason}), and only text and a cache are written to "
            "ONNX for models that generate; use `backend='torch'`."
        ) from error
    layers = getattr(cache, "layers", [])
    is_plain = type(cache) is DynamicCache and layers and all(type(layer) in PLAIN_LAYERS for layer in layers)
    pairs = pairs_of(cache) if is_plain else []
    if not pairs or any(tensor.ndim != 4 for pair in pairs for tensor in pair):
        raise UsageError(
            f"{type(model).__name__} does not keep one key and one value per layer, which is the only cache that is "
            "written to ONNX; use `backend='torch'`."
        )
    _check_positions(model)
    sizes = ((2, 3, 5), (1, 1, 7), (3, 4, 0), (1, 1, 0))
    batches = [_batch(model, pairs, besides, *size) for size in sizes]
    axes = _axes(model, len(pairs)) | {name: {0: "batch", 1: "sequence"} for name in besides}
    return Part(CachedDecoder(model), batches, axes, {METADATA: BuiltIn(type(model).__name__).to_json()})


def _batch(
    model: PreTrainedModel, pairs: list, besides: list[str], batch: int, length: int, past: int
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(past)
    vocabulary = model.config.get_text_config().vocab_size
    mask = torch.ones(batch, past + length, dtype=torch.long)
    if batch > 1:
        mask[0, 0] = 0  # padded on the left, as `generate` does
    inputs = {
        "input_ids": torch.randint(0, vocabulary, (batch, length), generator=generator),
        "attention_mask": mask,
        "position_ids": (mask.cumsum(-1) - 1).clamp_min(0)[:, past:].contiguous(),
    }
    if not takes_positions(model):
        del inputs["position_ids"]
    inputs |= {name: torch.randint(0, 2, (batch, length), generator=generator) for name in besides}
    kept = [[torch.randn(batch, t.shape[1], past, t.shape[3], generator=generator) for t in pair] for pair in pairs]
    return {**inputs, **named_pairs(kept, PAST)}


def takes_positions(model: PreTrainedModel) -> bool:
    """Whether the place of each token is an input, which padding on the left needs."""
    return "position_ids" in inspect.signature(model.forward).parameters


def _check_positions(model: PreTrainedModel) -> None:
    """Raise ValueError unless positions count from 0, as who runs a file counts them; those of Kosmos 2.5 do not."""
    batch = example_batch(model)
    if not takes_positions(model) or "input_ids" not in batch:
        return
    places = torch.arange(batch["input_ids"].shape[1]).expand_as(batch["input_ids"]).contiguous()
    expected, got = model(**batch).logits, model(**batch, position_ids=places).logits
    if (got - expected).abs().max() > SAME * expected.abs().max():
        raise UsageError(
            f"{type(model).__name__} counts the positions of its tokens in a way of its own, which ONNX files do not; "
            "use `backend='torch'`."
        )


def _axes(model: PreTrainedModel, layers: int) -> Axes:
    axes: Axes = {"input_ids": {0: "batch", 1: "sequence"}, "attention_mask": {0: "batch", 1: "total_sequence"}}
    if takes_positions(model):
        axes["position_ids"] = {0: "batch", 1: "sequence"}
    names = [f"{PAST}.{index}.{name}" for index in range(layers) for name in ("key", "value")]
    return axes | {name: {0: "batch", 2: "past_sequence"} for name in names}
