"""Models of an encoder and a decoder, in the three parts that generation runs."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from inc_hf.export.built_in import METADATA, built_in
from inc_hf.export.part import Axes, Part
from inc_hf.models.inputs import example_batch
from inc_hf.models.kv_cache import (
    CACHE,
    CROSS,
    OWN,
    PAST,
    PRESENT,
    dynamic_cache,
    encoder_decoder_cache,
    named_pairs,
    pairs_named,
    pairs_of,
)


class Encoder(nn.Module):
    """`input_ids` and `attention_mask`, or `input_features`, in; `last_hidden_state` out."""

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.encoder = model.get_encoder()

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        return {"last_hidden_state": self.encoder(**inputs).last_hidden_state}


class Seq2SeqDecoder(nn.Module):
    """`input_ids` (of the decoder), `encoder_hidden_states`, `encoder_attention_mask` and, after the first step,
    `past_key_values.N.{decoder,encoder}.{key,value}` in; `logits` and `present.N.….{key,value}` out.

    Those of the encoder have the length 0 in later steps, since they stay as they are.
    """

    def __init__(self, model: PreTrainedModel):
        super().__init__()
        self.model = model

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        own, cross = (dynamic_cache(pairs_named(inputs, PAST, part)) for part in (OWN, CROSS))
        is_first = not own.layers
        outputs = self.model(
            decoder_input_ids=inputs["input_ids"],
            encoder_outputs=BaseModelOutput(last_hidden_state=inputs["encoder_hidden_states"]),
            use_cache=True,
            **({"attention_mask": inputs["encoder_attention_mask"]} if "encoder_attention_mask" in inputs else {}),
            **({} if is_first else {CACHE: encoder_decoder_cache(own, cross)}),
        )
        cache = outputs[CACHE]
        cross_pairs = pairs_of(cache.cross_attention_cache)
        if not is_first:
            cross_pairs = [(key[:, :, :0], value[:, :, :0]) for key, value in cross_pairs]
        presents = named_pairs(pairs_of(cache.self_attention_cache), PRESENT, OWN)
        return {"logits": outputs.logits, **presents, **named_pairs(cross_pairs, PRESENT, CROSS)}


@torch.no_grad()
def seq2seq_parts(model: PreTrainedModel) -> tuple[Part, Part, Part]:
    """The encoder, the first step of the decoder, and a later step."""
    example = {n: t for n, t in example_batch(model).items() if not n.startswith("decoder_")}
    inputs = [example, {name: _resized(name, tensor, 3) for name, tensor in example.items()}]
    is_text = "input_ids" in example
    length = {1: "encoder_sequence"} if is_text else {}
    names = {METADATA: built_in(model, example_batch(model)).to_json()}
    encoder = Part(Encoder(model), inputs, {name: {0: "batch"} | length for name in example}, names)
    decoder = Seq2SeqDecoder(model)
    first = [_first_step(model, encoder.module, batch, count) for batch, count in zip(inputs, (3, 1), strict=True)]
    later = [_later_step(model, decoder, batch, count) for batch, count in zip(first, (2, 1), strict=True)]
    axes: Axes = {name: {0: "batch"} | length for name in ("encoder_hidden_states", "encoder_attention_mask")}
    axes["input_ids"] = {0: "batch", 1: "decoder_sequence"}
    past: Axes = {name: {0: "batch", 2: "past_sequence"} for name in later[0] if OWN in name}
    past |= {name: {0: "batch", 2: "encoder_sequence"} for name in later[0] if CROSS in name}
    return encoder, Part(decoder, first, axes, names), Part(decoder, later, axes | past)


def _resized(name: str, tensor: Tensor, batch: int) -> Tensor:
    """Another size of batch and, for text, one token less; the first sample is padded."""
    if tensor.is_floating_point():
        return torch.randn(batch, *tensor.shape[1:], generator=torch.Generator().manual_seed(0)).to(tensor.dtype)
    tensor = tensor[:1, 1:].repeat(batch, 1)
    if name == "attention_mask":
        tensor[0, -2:] = 0
    return tensor


def _first_step(
    model: PreTrainedModel, encoder: nn.Module, batch: dict[str, Tensor], length: int
) -> dict[str, Tensor]:
    states = encoder(**batch)["last_hidden_state"]
    step = {"input_ids": _ids(model, len(states), length), "encoder_hidden_states": states}
    if "attention_mask" in batch:
        step["encoder_attention_mask"] = batch["attention_mask"]
    return step


def _later_step(
    model: PreTrainedModel, decoder: nn.Module, first: dict[str, Tensor], length: int
) -> dict[str, Tensor]:
    presents = {name: t for name, t in decoder(**first).items() if name != "logits"}
    past = {name.replace(PRESENT, PAST, 1): tensor for name, tensor in presents.items()}
    return {**first, "input_ids": _ids(model, len(first["input_ids"]), length), **past}


def _ids(model: PreTrainedModel, batch: int, length: int) -> Tensor:
    vocabulary = model.config.get_text_config().vocab_size
    return torch.randint(0, vocabulary, (batch, length), generator=torch.Generator().manual_seed(length))
