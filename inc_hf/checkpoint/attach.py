"""What a converted model needs so that transformers saves it as a quantized checkpoint."""

from typing import TYPE_CHECKING

from torch import nn

from inc_hf.checkpoint.describe import Format
from inc_hf.checkpoint.quantizer import IncHfQuantizer, IncQuantizationConfig
from inc_hf.quantize.nn import quantized_modules
from inc_hf.quantize.workflow import after_convert

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def attach_quantizer(model: "PreTrainedModel", format: Format | None = None) -> "PreTrainedModel":
    """Give a converted model, in place, what `save_pretrained` and `push_to_hub` need to write a quantized checkpoint.

    Raises:
        ValueError: modules that are tied in the model's config no longer share their weight.
    """
    quantizer = IncHfQuantizer(IncQuantizationConfig(), pre_quantized=True)
    quantizer.describe(model, format)
    model.hf_quantizer = quantizer
    model.is_quantized = True
    return model


def describe_when_saved(model: nn.Module) -> None:
    """Let transformers' own `save_pretrained` of what `convert` has made write a quantized checkpoint, too."""
    for part in pretrained_parts(model):
        if quantized_modules(part):
            part.hf_quantizer = IncHfQuantizer(IncQuantizationConfig(), pre_quantized=True)
            part.is_quantized = True


after_convert.append(describe_when_saved)


def attach_quantizers(model: nn.Module, format: Format | None = None) -> nn.Module:
    """`attach_quantizer` to a model of transformers, or to every quantized one inside of another module, whose own way
    to save (that of a `SentenceTransformer`) calls theirs."""
    for part in pretrained_parts(model):
        if quantized_modules(part):
            attach_quantizer(part, format)
    return model


def pretrained_parts(model: nn.Module) -> list["PreTrainedModel"]:
    """The outermost models of transformers."""
    from transformers import PreTrainedModel  # see the package's docstring

    if isinstance(model, PreTrainedModel):
        return [model]
    return [part for child in model.children() for part in pretrained_parts(child)]
