"""What a converted model needs so that transformers saves it as a quantized checkpoint."""

from typing import TYPE_CHECKING

from torch import nn

from inc_hf.checkpoint.conversions import OWN_NAMES, save_as_it_is
from inc_hf.checkpoint.describe import Format, quantization_config_of
from inc_hf.checkpoint.quantizer import IncHfQuantizer, IncQuantizationConfig
from inc_hf.checkpoint.ties import check_ties
from inc_hf.quantize.nn import quantized_modules

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def attach_quantizer(model: "PreTrainedModel", format: Format | None = None) -> "PreTrainedModel":
    """Give a converted model, in place, what `save_pretrained` and `push_to_hub` need to write a quantized checkpoint.

    Raises:
        ValueError: modules that are tied in the model's config no longer share their weight.
    """
    config = IncQuantizationConfig(**quantization_config_of(model, format))
    check_ties(model)
    if config.config.get(OWN_NAMES):
        save_as_it_is(model, config.config[OWN_NAMES])
    model.config.quantization_config = config
    model.hf_quantizer = IncHfQuantizer(config, pre_quantized=True)
    model.hf_quantizer.note_modules(model)
    model.is_quantized = True
    model.quantization_method = config.quant_method
    return model


def attach_quantizers(model: nn.Module) -> nn.Module:
    """`attach_quantizer` to a model of transformers, or to every quantized one inside of another module, whose own way
    to save (that of a `SentenceTransformer`) calls theirs."""
    for part in pretrained_parts(model):
        if quantized_modules(part):
            attach_quantizer(part)
    return model


def pretrained_parts(model: nn.Module) -> list["PreTrainedModel"]:
    """The outermost models of transformers."""
    from transformers import PreTrainedModel  # see the package's docstring

    if isinstance(model, PreTrainedModel):
        return [model]
    return [part for child in model.children() for part in pretrained_parts(child)]
