"""Inputs of a model without a dataset: recorded from its calls, or made up."""

import inspect
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import Cache, PreTrainedConfig, PreTrainedModel

from inc_hf.errors import UsageError
from inc_hf.models.kv_cache import CACHE
from inc_hf.models.modalities import with_all_modalities
from inc_hf.models.sizes import channels, image_size
from inc_hf.quantize.workflow import evaluating
from inc_hf.undo import restored

logger = logging.getLogger(__name__)


@contextmanager
def recording_inputs(model: nn.Module, limit: int = 4) -> Iterator[list[Any]]:
    """Collect, inside the block, the inputs of the model's first `limit` calls, in a form that `workflow.run` takes.

    Calls that continue earlier ones (with a cache, or the output of the encoder) are left out: `generate` changes the
    cache, and what they do not compute anew would look unused.
    """
    recorded: list[Any] = []
    signature = inspect.signature(model.forward)

    def record(module: nn.Module, args: tuple, kwargs: dict) -> None:
        if len(recorded) < limit:
            batch = _as_batch(signature, args, kwargs)
            if not isinstance(batch, dict) or _starts_anew(batch):
                recorded.append(batch)

    handle = model.register_forward_pre_hook(record, with_kwargs=True)
    try:
        yield recorded
    finally:
        handle.remove()


def as_named(model: nn.Module, batch: Any) -> dict[str, Any]:
    """A batch by the names of the arguments of `model.forward`; a tensor, a tuple or a list by their places.

    What comes after the last argument is left out, such as the label of a pair `(inputs, label)`.
    """
    if isinstance(batch, Tensor):
        batch = (batch,)
    if isinstance(batch, tuple | list):
        return dict(zip(inspect.signature(model.forward).parameters, batch, strict=False))
    return dict(batch)


def _as_batch(signature: inspect.Signature, args: tuple, kwargs: dict[str, Any]) -> tuple | dict[str, Any]:
    """The arguments of a call as a tuple if all came by position, otherwise by name."""
    if args and not kwargs:
        return args
    named = signature.bind(*args, **kwargs).arguments
    rest = next((p.name for p in signature.parameters.values() if p.kind is p.VAR_KEYWORD), None)
    return {**{key: value for key, value in named.items() if key != rest}, **named.get(rest, {})}


def _starts_anew(batch: dict[str, Any]) -> bool:
    """Whether a call needs nothing of an earlier one; an empty cache is taken out of `batch`."""
    cache = batch.get(CACHE)
    if isinstance(cache, Cache):
        del batch[CACHE]
    return batch.get("encoder_outputs") is None and not (isinstance(cache, Cache) and cache.get_seq_length())


def dummy_batch(model: PreTrainedModel) -> dict[str, Tensor]:
    """Small inputs of the right shape, to find out which modules a forward pass calls.

    Raises:
        ValueError: the config does not say what the shape is.
    """
    config, name = model.config, model.main_input_name
    if name == "pixel_values":
        batch = {name: torch.zeros(1, channels(config), *image_size(config, 32), dtype=model.dtype)}
    elif name == "input_features":
        length = 2 * getattr(config, "max_source_positions", 50)
        batch = {name: torch.zeros(1, _size(config, "num_mel_bins"), length, dtype=model.dtype)}
    elif name == "input_values":
        batch = {name: torch.zeros(1, 16000, dtype=model.dtype)}
    else:
        is_choice = type(model).__name__.endswith("ForMultipleChoice")
        ids = _ids(config)
        batch = {"input_ids": ids.expand(1, 2, 8) if is_choice else ids}
    if config.is_encoder_decoder and not type(model).__name__.endswith(("Classification", "QuestionAnswering")):
        batch["decoder_input_ids"] = torch.zeros(1, 4, dtype=torch.long)
    return batch


def _ids(config: PreTrainedConfig) -> Tensor:
    """Eight different tokens, the last of which ends the text: BART's classification head looks for it."""
    try:
        text = config.get_text_config()
    except ValueError as error:  # it has several
        raise UsageError(f"{type(config).__name__} does not say which of its texts the inputs are: {error}") from error
    vocabulary = getattr(text, "vocab_size", None) or 8
    ids = torch.arange(8).remainder(vocabulary).unsqueeze(0)
    eos = getattr(text, "eos_token_id", None)
    if isinstance(eos, int) and 0 <= eos < vocabulary:
        ids = torch.where(ids == eos, 0 if eos else 1, ids)
        ids[:, -1] = eos
    return ids


def _size(config: PreTrainedConfig, name: str) -> int:
    size = getattr(config, name, None)
    if not isinstance(size, int):
        raise UsageError(f"{type(config).__name__} does not say `{name}`, which the shape of the inputs comes from.")
    return size


# What a model raises on inputs that it was not made for.
MISFIT = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError)


@torch.no_grad()
def made_up_batch(model: nn.Module) -> dict[str, Tensor] | None:
    """Inputs of every modality that the model takes, of real sizes; otherwise [`dummy_batch`] if the model takes that,
    otherwise None. [`modalities.lacking`] says what is missing. The model is left as it was.

    Only what the model itself computes may fail here: what fails later with these inputs is no misfit.
    """
    if not isinstance(model, PreTrainedModel):
        return None
    try:
        batch = dummy_batch(model)
        ids = _ids(model.config)
    except UsageError as error:
        logger.info("No inputs for %s are made up: %s", type(model).__name__, error)
        return None
    with restored(model), evaluating(model):
        return _taken(model, lambda: with_all_modalities(model, batch, ids)) or _taken(model, lambda: batch)


def _taken(model: PreTrainedModel, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor] | None:
    """The batch that `make` gives, if the model takes it."""
    try:
        batch = {name: tensor.to(model.device) for name, tensor in make().items()}
        model(**batch)
    except MISFIT as error:
        logger.info("Made-up inputs do not fit %s: %s", type(model).__name__, error)
        return None
    return batch


def example_batch(model: PreTrainedModel) -> dict[str, Tensor]:
    """Two samples of [`dummy_batch`], with the other inputs that a tokenizer gives for this model."""
    batch = {name: torch.cat([tensor, tensor]) for name, tensor in dummy_batch(model).items()}
    if "input_ids" not in batch:
        return batch
    parameters = inspect.signature(model.forward).parameters
    if "attention_mask" in parameters:
        batch["attention_mask"] = torch.ones_like(batch["input_ids"])
    if "token_type_ids" in parameters and getattr(model.config, "type_vocab_size", 0) > 1:
        batch["token_type_ids"] = torch.zeros_like(batch["input_ids"])
    return batch


def random_batch(model: PreTrainedModel, size: int, length: int, seed: int = 0) -> dict[str, Tensor]:
    """Inputs of [`example_batch`] for a benchmark: `size` samples, texts of `length` random tokens without padding."""
    generator = torch.Generator().manual_seed(seed)
    batch = {}
    for name, tensor in example_batch(model).items():
        shape = [size, *tensor.shape[1:]]
        if tensor.is_floating_point():
            batch[name] = torch.randn(shape, generator=generator)
            continue
        if not name.startswith("decoder_"):
            shape[-1] = length
        batch[name] = tensor[:1, ..., -1:].expand(shape).contiguous()  # of ids, what a text ends with
        if name == "input_ids":
            vocabulary = model.config.get_text_config().vocab_size
            shape[-1] -= 1
            batch[name][..., :-1] = torch.randint(0, vocabulary, shape, generator=generator)
    return batch
