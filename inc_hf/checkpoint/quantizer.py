"""How transformers loads and saves our quantized models: an `HfQuantizer` for both formats."""

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING, register_quantization_config, register_quantizer
from transformers.quantizers.base import HfQuantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

from inc_hf.checkpoint.conversions import OWN_NAMES, conversions_left, save_as_it_is
from inc_hf.checkpoint.describe import Format, quantization_config_of, sparse_forms, with_forms
from inc_hf.checkpoint.places import placed_forms, saved_model, schemes_in
from inc_hf.checkpoint.sparse import Sparse, forms_in
from inc_hf.checkpoint.stored import await_packed, packed_state_dict, unpacked_codes
from inc_hf.checkpoint.ties import check_ties
from inc_hf.checkpoint.validate import CheckpointError, check_loaded, validate_model
from inc_hf.matching.patterns import named_modules_with_duplicates
from inc_hf.quantize.nn import QLinear, QModule, empty_twin, quantized_modules
from inc_hf.quantize.scheme import Scheme

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class IncQuantizationConfig(QuantizationConfigMixin):
    """The `quantization_config` of a checkpoint of ours, kept as the dict that stands in `config.json`.

    Args:
        config (`dict`): a compressed-tensors `int-quantized` config, or one of quant_method "inc".
    """

    def __init__(self, **config: Any):
        # `wrap` puts a foreign config inside one of ours, so that this quantizer loads it
        self.config = config.get("wrapped", config)
        self.quant_method = "inc"

    @staticmethod
    def wrap(config: dict[str, Any]) -> dict[str, Any]:
        """A `quantization_config` that loads `config`, of either format, through `IncHfQuantizer`."""
        return {"quant_method": "inc", "wrapped": config}

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], return_unused_kwargs: bool = False, **kwargs):
        config = cls(**config_dict)
        return (config, kwargs) if return_unused_kwargs else config

    def to_dict(self) -> dict[str, Any]:
        return dict(self.config)

    def to_diff_dict(self) -> dict[str, Any]:
        return self.to_dict()


class IncHfQuantizer(HfQuantizer):
    """Loads a quantized checkpoint into quantized modules, and packs them again when the model is saved."""

    requires_calibration = True
    quantization_config: IncQuantizationConfig
    described: set[str] | None = None  # names of the modules that the config tells of

    @property
    def packs_weights(self) -> bool:
        """Whether weights are stored in the shapes of quant_method "inc"."""
        return self.quantization_config.config.get("quant_method") == "inc"

    def _process_model_before_weight_loading(self, model: "PreTrainedModel", **kwargs) -> "PreTrainedModel":
        schemes = schemes_in(self.quantization_config.config, model)
        forms = placed_forms(self.quantization_config.config, model)
        twins: dict[int, QModule] = {}
        for name, module in list(named_modules_with_duplicates(model)):
            if name in schemes and id(module) not in twins:
                twins[id(module)] = self._loading_twin(module, *schemes[name], forms.get(name))
            if id(module) in twins:
                model.set_submodule(name, twins[id(module)])
        model.initialize_weights = lambda: initialize_around(model)  # what the checkpoint lacks
        return model

    def _loading_twin(self, module: nn.Module, scheme: Scheme, input_ndim: int | None, form: Sparse | None) -> QModule:
        with torch.device("meta"):
            twin = empty_twin(module, scheme)
            if isinstance(twin, QLinear):
                twin.input_ndim = input_ndim
            if self.packs_weights:
                await_packed(twin, form)
            else:
                twin.await_weight(twin.codes)
        return twin

    def update_weight_conversions(self, weight_conversions: list, model: "PreTrainedModel") -> list:
        if self.quantization_config.config.get(OWN_NAMES):
            return conversions_left(weight_conversions, self.quantization_config.config[OWN_NAMES])
        return super().update_weight_conversions(weight_conversions, model)

    def get_new_dtype(self, converter, param, dtype: torch.dtype | None) -> torch.dtype | None:
        new_dtype = super().get_new_dtype(converter, param, dtype)
        if new_dtype is not None and not new_dtype.is_floating_point:
            raise CheckpointError(f"`{converter.target_patterns[0]}` holds floats where integers belong.")
        return new_dtype

    def _process_model_after_weight_loading(self, model: "PreTrainedModel", **kwargs) -> "PreTrainedModel":
        del model.initialize_weights
        check_loaded(model)
        first: dict[int, QModule] = {}
        for module in quantized_modules(model).values():
            stored = module.weight
            if id(stored) in first:
                module.share_weight(first[id(stored)])
            else:
                module.set_codes(unpacked_codes(module) if self.packs_weights else stored)
                first[id(stored)] = module
        validate_model(model)
        compute_buffers_anew(model)
        self.note_modules(model)
        return model

    def note_modules(self, model: "PreTrainedModel") -> None:
        """Remember which modules the config describes: none of them, if it has the names of another class."""
        is_of_class = saved_model(model) is None
        self.described = set(quantized_modules(model)) if is_of_class else set()

    def describe(self, model: "PreTrainedModel", format: Format | None = None) -> None:
        """Let the config tell of the present modules.

        Raises:
            ValueError: modules that are tied in the model's config no longer share their weight.
        """
        config = IncQuantizationConfig(**quantization_config_of(model, format))
        check_ties(model)
        if config.config.get(OWN_NAMES):
            save_as_it_is(model, config.config[OWN_NAMES])
        self.quantization_config = model.config.quantization_config = config
        model.quantization_method = config.quant_method
        self.note_modules(model)

    def _describe_again(self, model: "PreTrainedModel") -> None:
        """If modules were replaced (a new head, resized embeddings), or if nobody did since `convert`."""
        if set(quantized_modules(model)) != self.described:
            self.describe(model, "inc" if self.packs_weights else None)

    def get_state_dict_and_metadata(self, model: "PreTrainedModel"):
        """State dict with the weights in their stored form; tied weights stay one tensor."""
        self._describe_again(model)
        if not self.packs_weights:
            return None, {}
        # what was converted or loaded may have got other weights since
        self.quantization_config.config |= with_forms(sparse_forms(model))
        return packed_state_dict(model, forms_in(self.quantization_config.config)), {}

    def is_serializable(self) -> bool:
        return True

    # Trainer asks both before it evaluates, too. What cannot be trained are the modules, which say so themselves.
    @property
    def is_trainable(self) -> bool:
        return True

    @property
    def is_qat_trainable(self) -> bool:
        return True

    @property
    def is_compileable(self) -> bool:
        return True


def compute_buffers_anew(model: "PreTrainedModel") -> None:
    """Buffers that no checkpoint has were computed while weights were integers, which shows where they ask for the
    dtype of a weight (Swin V2). What was loaded stays."""
    for module in model.modules():
        if not module._non_persistent_buffers_set or isinstance(module, QModule):
            continue
        if any(isinstance(part, QModule) for part in module.modules()):
            module._is_hf_initialized = False
    initialize_around(model)


def initialize_around(model: "PreTrainedModel") -> None:
    """What `model.initialize_weights` does, without the weights of quantized modules: some models draw those of their
    parts themselves (Chinese CLIP, Nemotron), in the shapes of float ones."""
    modules = [module for module in quantized_modules(model).values() if module.weight is not None]
    shown = [module._parameters["weight"] for module in modules]
    try:
        for module in modules:
            module._parameters["weight"] = module.unwritten_weight()
        type(model).initialize_weights(model)
    finally:
        for module, weight in zip(modules, shown, strict=True):
            module._parameters["weight"] = weight


# Importing this module makes `quant_method: inc` known to transformers; the condition lets it be reloaded.
if "inc" not in AUTO_QUANTIZER_MAPPING:
    register_quantization_config("inc")(IncQuantizationConfig)
    register_quantizer("inc")(IncHfQuantizer)
