"""What a converted model needs so that transformers saves it as a quantized checkpoint."""

from typing import TYPE_CHECKING

from inc_hf.checkpoint.conversions import OWN_NAMES, save_as_it_is
from inc_hf.checkpoint.describe import Format, quantization_config_of
from inc_hf.checkpoint.quantizer import IncHfQuantizer, IncQuantizationConfig
from inc_hf.errors import UsageError
from inc_hf.quantize.nn import quantized_modules

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def attach_quantizer(model: "PreTrainedModel", format: Format | None = None) -> "PreTrainedModel":
    """Give a converted model, in place, what `save_pretrained` and `push_to_hub` need to write a quantized checkpoint.

    Raises:
        ValueError: modules that are tied in the model's config no longer share their weight.
    """
    config = IncQuantizationConfig(**quantization_config_of(model, format))
    _check_ties(model)
    if config.config.get(OWN_NAMES):
        save_as_it_is(model)
    model.config.quantization_config = config
    model.hf_quantizer = IncHfQuantizer(config, pre_quantized=True)
    model.is_quantized = True
    model.quantization_method = config.quant_method
    return model


def _check_ties(model: "PreTrainedModel") -> None:
    quantized = quantized_modules(model)
    for target, source in dict(getattr(model, "all_tied_weights_keys", {})).items():
        modules = [quantized.get(key.rpartition(".")[0]) for key in (target, source)]
        addresses = {None if module is None else module.codes.data_ptr() for module in modules}
        if len(addresses) > 1:
            raise UsageError(
                f"`{target}` and `{source}` share one weight, but were quantized differently; "
                "give both the same scheme, or keep both in float."
            )
