"""`optimize`: a loaded model made ready to run fast."""

import logging
from typing import TypeVar

import torch
from torch import nn

from inc_hf.checkpoint.adopt import adopt_parts
from inc_hf.config.arguments import check_model
from inc_hf.config.checks import check_bool, check_choice
from inc_hf.inference.encoder.parts import AUTO
from inc_hf.inference.encoder.replace import run_encoders
from inc_hf.inference.fuse import fuse_activations
from inc_hf.inference.release import release_weights
from inc_hf.inference.share import share_inputs
from inc_hf.ops.numbers import ATTENTIONS
from inc_hf.quantize.bf16 import bf16_modules
from inc_hf.quantize.nn import quantized_modules
from inc_hf.telling import NOTICE
from inc_hf.tune.space import copy_of
from inc_hf.undo import restored_on_error

logger = logging.getLogger(__name__)

Model = TypeVar("Model", bound=nn.Module)


@torch.no_grad()
def optimize(model: Model, fuse: bool = True, encoder: bool = True, attention: str = "auto") -> Model:
    """Make a model ready for fast inference, in place; most of all a quantized one.

    A model that stock `AutoModel….from_pretrained` returned from a compressed-tensors `int-quantized` checkpoint is
    put on our integer modules, before or after its first forward pass (which decompresses it). Then weights are packed
    for this CPU, so that only the packed form is in memory, and activation functions are computed where the layer
    before them writes its result. What query, key and value read is quantized once. The model can be saved as before.

    Encoders of the kinds in `inc_hf.inference.encoder.families` run all their layers in one native call, on the tokens
    that are not padding: a text's result does not depend on who shares its batch, and is zero where there is padding.
    Whenever something is asked for that this call cannot give, such as attentions or gradients, the layers run one by
    one as without it. So do those of a model that is not quantized: without padding where no gradients are asked for
    (`torch.no_grad()`), and on torch's own products. [`inc_hf.explain`] says what runs what.

    Args:
        model (`PreTrainedModel`, `SentenceTransformer` or `CrossEncoder`): a quantized model, one with weights in
            bfloat16 (`inc_hf.mix_precision`), or one in float32, which stays as it is if it has no encoder of these
            kinds. Also a module that holds such models, and what `fit` returned.
        fuse (`bool`): False leaves activation functions to torch. Ours differ from torch's by up to 2.5e-7, which can
            move an activation of the next layer to the neighbouring integer. It also leaves encoders as they are.
        encoder (`bool`): False lets the layers of encoders run one by one.
        attention (`str`): of such encoders: "int8" rounds queries, keys, values and probabilities to 8 bits, "fp32"
            does not; "auto" is "int8" where the weights of query and key are integers, else "fp32".

    Returns:
        The same model.

    Raises:
        TypeError: it is no model.
        ValueError: the model is quantized in a form that this package does not read. It is then as it was.
    """
    check_model(model)
    check_bool("fuse", fuse)
    check_bool("encoder", encoder)
    check_choice("attention", attention, (AUTO, *ATTENTIONS))
    found = _make_ready(model, fuse, encoder, attention)
    for name, how in found.items():
        logger.log(NOTICE, "%s: %s.", name or "The model", how)
    if not found and not is_compressed(model):
        logger.log(NOTICE, "The model is not quantized, and has no encoder that is known here: it stays as it is.")
    return model


@torch.no_grad()
def ready_copy(model: Model) -> Model:
    """A copy as [`optimize`] makes it, without a word; the model stays as it is."""
    copied = copy_of(model)
    _make_ready(copied, fuse=True, encoder=True, attention=AUTO)
    return copied


def _make_ready(model: nn.Module, fuse: bool, encoder: bool, attention: str) -> dict[str, str]:
    """Name of each encoder -> how it runs now."""
    with restored_on_error(model):
        if not is_compressed(model):
            adopt_parts(model)
        if fuse:
            fuse_activations(model)
        share_inputs(model)
    # Not undone if it fails, so that no weight is in memory twice: a packed layer computes what it did before.
    release_weights(model)
    return run_encoders(model, attention) if fuse and encoder else {}


def is_compressed(model: nn.Module) -> bool:
    return bool(quantized_modules(model) or bf16_modules(model))
