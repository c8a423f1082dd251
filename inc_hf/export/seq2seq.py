"""Models of an encoder and a decoder, in the three parts that generation runs."""

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.modeling_outputs import BaseModelOutput

from inc_hf.errors import UsageError
from inc_hf.export.axes import batches_and_axes
from inc_hf.export.built_in import METADATA, built_in
from inc_hf.export.part import Axes, Part
from inc_hf.models.examples import example, usual_inputs
from inc_hf.models.inputs import MISFIT
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
from inc_hf.models.makers import SOUND
from inc_hf.quantize.workflow import evaluating

MOVED = 5e-2  # of the largest output, by an activation that is rounded to the next integer


class Encoder(nn.Module):
    """Texts or sounds, and their mask, in; `last_hidden_state` out."""

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
def seq2seq_parts(model: PreTrainedModel, free: bool = True) -> tuple[Part, Part, Part]:
    """The encoder, the first step of the decoder, and a later step.

    Args:
        free (`bool`): whether the length of sounds may change, where the model allows it.
    """
    names, story = _encoder_inputs(model)
    with evaluating(model):
        batches, axes = batches_and_axes(model, [*names, "decoder_input_ids"], free)
        inputs = [{name: batch[name] for name in names} for batch in batches]
        axes = {name: _encoder_axes(axes[name]) for name in names}
        encoder = Part(Encoder(model), inputs, axes, story)
        decoder = Seq2SeqDecoder(model)
        try:
            first = [_first_step(model, encoder.module, *each) for each in zip(inputs, (3, 1), strict=True)]
            later = [_later_step(model, decoder, *each) for each in zip(first, (2, 1), strict=True)]
            decoder(**later[0])  # some take one token at a time (ProphetNet)
            whole = model(**inputs[0], decoder_input_ids=first[0]["input_ids"]).logits
        except MISFIT as error:
            raise UsageError(
                f"{type(model).__name__} is not cut into an encoder and a decoder that keeps keys and values "
                f"({type(error).__name__}: {error}), as ONNX needs it; use `backend='torch'`."
            ) from error
        _check_cut(model, decoder(**first[0])["logits"], whole)
    own, past = _decoder_axes(axes, later[0])
    return encoder, Part(decoder, first, own, story), Part(decoder, later, own | past)


def _check_cut(model: PreTrainedModel, parts: Tensor, whole: Tensor) -> None:
    """Raise ValueError unless both parts give what the model gives; that of PP-FormulaNet reads more than the last
    hidden state of its encoder."""
    if (parts - whole).abs().max() > MOVED * whole.abs().max():
        raise UsageError(
            f"{type(model).__name__} gives its decoder something else than the last hidden state of its encoder, "
            "which is all that ONNX files pass on; use `backend='torch'`."
        )


def _encoder_inputs(model: PreTrainedModel) -> tuple[list[str], dict[str, str]]:
    """What the encoder takes, and what the file tells of it: Whisper looks at no mask."""
    names = usual_inputs(model)
    hears = model.main_input_name in SOUND
    known = built_in(model, example(model, names=[n for n in names if not hears or n != "attention_mask"]))
    taken = [name for name in names if not name.startswith("decoder_") and name not in known.ignored]
    return taken, {METADATA: known.to_json()}


def _encoder_axes(axes: dict[int, str]) -> dict[int, str]:
    return {axis: "encoder_sequence" if name == "sequence" else name for axis, name in axes.items()}


def _decoder_axes(encoder: Axes, later: dict[str, Tensor]) -> tuple[Axes, Axes]:
    """Those of every step, and those of keys and values."""
    is_free = any(len(axes) > 1 for axes in encoder.values())
    axes: Axes = {"encoder_hidden_states": {0: "batch"} | ({1: "encoder_sequence"} if is_free else {})}
    if "attention_mask" in encoder:
        axes["encoder_attention_mask"] = encoder["attention_mask"]
    axes["input_ids"] = {0: "batch", 1: "decoder_sequence"}
    past: Axes = {name: {0: "batch", 2: "past_sequence"} for name in later if OWN in name}
    return axes, past | {name: {0: "batch", 2: "encoder_sequence"} for name in later if CROSS in name}


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
