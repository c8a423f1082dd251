"""Models that generate text, token by token, with keys and values going in and out of a file."""

from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import DynamicCache, EncoderDecoderCache, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutputWithPast, Seq2SeqLMOutput

from inc_hf.errors import UsageError
from inc_hf.export.layout import DECODER, ENCODER, MODEL
from inc_hf.models.kv_cache import (
    CACHE,
    CROSS,
    OWN,
    PAST,
    PRESENT,
    SWITCH,
    dynamic_cache,
    named_pairs,
    pairs_named,
    pairs_of,
    without_past,
)
from inc_hf.runtimes.arguments import STEP, logits_kept, refuse_what_is_missing
from inc_hf.runtimes.model import RuntimeModel, refuse_another_class
from inc_hf.runtimes.session import Session


class Generating(RuntimeModel):
    """What models that generate text have in common."""

    @classmethod
    def check(cls, session: Session, path: Path, model_class: type[PreTrainedModel]) -> None:
        """Raise ValueError if a file is not one step of such a model, with the keys and values of those before."""
        pasts = [name for name in session.input_names if name.startswith(PAST)]
        presents = [name for name in session.output_names if name.startswith(PRESENT)]
        is_encoder = "last_hidden_state" in session.output_names
        has_both = bool(pasts) and len(pasts) == len(presents)
        if not is_encoder and not (has_both and "logits" in session.output_names):
            raise UsageError(
                f"{path} is not one step of a {model_class.__name__} with keys and values as {PAST}.N.key and "
                f"{PRESENT}.N.key; write it anew with `inc_hf.export.export_model` or `inc-hf export`."
            )
        refuse_another_class(session, path, model_class)


class RuntimeDecoder(Generating):
    """A causal language model on another runtime."""

    def compute(self, inputs: dict[str, Any]) -> CausalLMOutputWithPast:
        """Run a step: `input_ids` after what is in the cache, with a mask as long as both."""
        session, cache = self.sessions[MODEL], cache_in(inputs)
        past = [] if cache is None else pairs_of(cache)
        ids, mask = _required(inputs, "input_ids"), inputs.get("attention_mask")
        length = past[0][0].shape[-2] if past else 0
        refuse_what_is_missing(self, inputs, {*session.input_names, *STEP}, length)
        feed = {name: inputs.get(name) for name in ("input_ids", "attention_mask", "position_ids", "token_type_ids")}
        if mask is None:
            feed["attention_mask"] = torch.ones(len(ids), length + ids.shape[1], dtype=torch.long)
        elif mask.ndim != 2:
            raise UsageError(f"`attention_mask` has two dimensions here, got {mask.ndim}: static caches need torch.")
        if feed["position_ids"] is None:
            feed["position_ids"] = torch.arange(length, length + ids.shape[1]).expand(len(ids), -1)
        feed |= named_pairs(past, PAST) if past else without_past(session.input_shapes, len(ids))
        outputs = session(feed)
        if wants_cache(self, inputs):
            cache = written(cache or DynamicCache(), pairs_named(outputs, PRESENT))
        logits = logits_kept(outputs["logits"], inputs.get("logits_to_keep"))
        results = self.with_loss({"logits": logits}, inputs)
        return CausalLMOutputWithPast(**results, **{CACHE: cache})


class RuntimeEncoder(nn.Module):
    """The encoder of a [`RuntimeSeq2Seq`]."""

    def __init__(self, session: Session, main_input_name: str):
        super().__init__()
        self.session, self.main_input_name = session, main_input_name

    def forward(self, *args: Tensor, **kwargs: Any) -> BaseModelOutput:
        """The output of the encoder; without a mask all is attended to."""
        inputs = {**dict(zip((self.main_input_name, "attention_mask"), args, strict=False)), **kwargs}
        main = _required(inputs, self.main_input_name)
        if inputs.get("attention_mask") is None:
            inputs["attention_mask"] = torch.ones(main.shape[:2], dtype=torch.long)
        encoded = BaseModelOutput(**self.session(inputs))
        encoded.length_read = main.shape[1]  # that of a sound is another than that of the states
        return encoded


class RuntimeSeq2Seq(Generating):
    """A model of an encoder and a decoder on another runtime."""

    def get_encoder(self, modality: str | None = None) -> RuntimeEncoder:
        """What computes `encoder_outputs`."""
        return RuntimeEncoder(self.sessions[ENCODER], self.main_input_name)

    def compute(self, inputs: dict[str, Any]) -> Seq2SeqLMOutput:
        """Run a step of the decoder, after the encoder unless its output came along."""
        session, cache = self.sessions[DECODER], cache_in(inputs)
        taken = {"decoder_input_ids", "decoder_attention_mask", *STEP, *self.sessions[ENCODER].input_names}
        masks = {"attention_mask"} if "encoder_attention_mask" in session.input_names else set()
        refuse_what_is_missing(self, inputs, taken | masks)
        states = self._encoded(inputs)
        own, cross = ([], []) if cache is None else _pairs_of_both(cache)
        ids = self._decoder_ids(inputs)
        feed = {
            "input_ids": ids,
            "encoder_hidden_states": states,
            "encoder_attention_mask": inputs.get("attention_mask"),
        }
        if own:
            feed |= named_pairs(own, PAST, OWN) | named_pairs(cross, PAST, CROSS) | {SWITCH: torch.tensor([True])}
        else:
            feed |= without_past(session.input_shapes, len(ids))
        outputs = session(feed)
        if wants_cache(self, inputs):
            cache = cache or EncoderDecoderCache(DynamicCache(), DynamicCache())
            written(cache.self_attention_cache, pairs_named(outputs, PRESENT, OWN))
            if not own:
                written(cache.cross_attention_cache, pairs_named(outputs, PRESENT, CROSS))
        results = self.with_loss({"logits": outputs["logits"]}, inputs)
        return Seq2SeqLMOutput(**results, **{CACHE: cache}, encoder_last_hidden_state=states)

    def with_loss(self, outputs: dict[str, Tensor], inputs: dict[str, Any]) -> dict[str, Tensor]:
        """The outputs, and where labels came the mean cross-entropy over those that are not -100."""
        if inputs.get("labels") is None:
            return outputs
        return {"loss": F.cross_entropy(outputs["logits"].flatten(0, 1), inputs["labels"].flatten()), **outputs}

    def _encoded(self, inputs: dict[str, Any]) -> Tensor:
        """The output of the encoder; puts a mask of all of its input into `inputs` if there is none."""
        encoded, main = inputs.get("encoder_outputs"), inputs.get(self.main_input_name)
        if encoded is None:
            encoded = self.get_encoder()(**inputs)
        length = getattr(encoded, "length_read", None) if main is None else main.shape[1]
        if length is None and self.main_input_name == "input_ids":
            length = encoded[0].shape[1]  # of a text, both are as long
        if inputs.get("attention_mask") is None and length is not None:
            inputs["attention_mask"] = torch.ones(len(encoded[0]), length, dtype=torch.long)
        return encoded[0]

    def _decoder_ids(self, inputs: dict[str, Any]) -> Tensor:
        mask = inputs.get("decoder_attention_mask")
        if mask is not None and not mask.all():
            raise UsageError("`decoder_attention_mask` is not in the file, so that padding is not hidden; use torch.")
        ids, labels = inputs.get("decoder_input_ids"), inputs.get("labels")
        if ids is None and labels is not None:
            ids = self.prepare_decoder_input_ids_from_labels(labels)
        return _required({**inputs, "decoder_input_ids": ids}, "decoder_input_ids")


def _required(inputs: dict[str, Any], name: str) -> Tensor:
    if inputs.get(name) is None:
        given = ", ".join(key for key, value in inputs.items() if value is not None)
        raise UsageError(f"`{name}` is needed, got {given or 'nothing'}.")
    return inputs[name]


def cache_in(inputs: dict[str, Any]) -> Any:
    """The cache among the inputs, by its name of today or the one before."""
    cache = inputs.get(CACHE)
    return inputs.get("past_key_values") if cache is None else cache


def wants_cache(model: RuntimeModel, inputs: dict[str, Any]) -> bool:
    """Whether keys and values are to be returned."""
    given = inputs.get("use_cache")
    return bool(getattr(model.config.get_text_config(), "use_cache", True)) if given is None else given


def written(cache: DynamicCache, pairs: list[tuple[Tensor, Tensor]]) -> DynamicCache:
    """Exchange all that is in `cache`, in place."""
    cache.layers = dynamic_cache(pairs).layers
    return cache


def _pairs_of_both(cache: EncoderDecoderCache) -> tuple[list, list]:
    return pairs_of(cache.self_attention_cache), pairs_of(cache.cross_attention_cache)
