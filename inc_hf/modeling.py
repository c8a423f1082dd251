"""Loading quantized models: `IncModelFor….from_pretrained`, and `optimize` for what stock transformers has loaded."""

import copy
import os
import re
from functools import partial
from typing import Any, ClassVar

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForAudioClassification,
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForMaskedLM,
    AutoModelForMultipleChoice,
    AutoModelForQuestionAnswering,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForSpeechSeq2Seq,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
)

from inc_hf import runtimes
from inc_hf.backends import onnxruntime, openvino
from inc_hf.backends.ipex import require_ipex
from inc_hf.checkpoint import CheckpointError, IncHfQuantizer, IncQuantizationConfig, validate_model
from inc_hf.checkpoint.describe import schemes_of_config
from inc_hf.errors import UsageError
from inc_hf.inference.fuse import fuse_activations, release_weights
from inc_hf.inference.share import share_inputs
from inc_hf.models.building import changed_when_built
from inc_hf.models.tasks import HUB_KEYWORDS, model_class_of
from inc_hf.prune.slim.sizes import ENTRY, to_own_sizes
from inc_hf.quantize.bf16 import bf16_modules, use_bf16
from inc_hf.quantize.nn import QLinear, QModule, empty_twin, quantized_modules
from inc_hf.results.mixed import ENTRY as BF16_MODULES

# What each needs, said before anything is loaded.
BACKENDS = {
    "torch": lambda: None,
    "onnxruntime": onnxruntime.require_onnxruntime,
    "openvino": openvino.require_openvino,
    "ipex": require_ipex,
}
QUANTIZATION_PARAMETER = re.compile(r"\.(weight|input|output|smooth|[qkv])_(scale|zero_point)$")


class IncModel:
    """Loads a checkpoint, quantized by this package or in compressed-tensors `int-quantized`, ready to run quantized.

    `from_pretrained` returns an ordinary `PreTrainedModel` whose quantized layers are ours, so that it works in
    `pipeline`, `generate` and `Trainer.evaluate`. A checkpoint that is not quantized is loaded as it is.
    """

    auto_class: ClassVar[type] = AutoModel

    def __init__(self):
        raise OSError(f"Use `{type(self).__name__}.from_pretrained(directory_or_hub_name)`.")

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike, backend: str = "torch", **kwargs: Any
    ) -> PreTrainedModel:
        """Load a model for inference, in evaluation mode.

        Args:
            pretrained_model_name_or_path (`str`): a directory or a name on the Hub.
            backend (`str`): what runs it: "torch" (with our kernels); "onnxruntime" or "openvino": the files in
                `onnx/`, otherwise the model of torch is exported; "ipex": the model of torch, traced, for models that
                do not generate; or "auto", see [`inc_hf.runtimes.choose_backend`].
            kwargs: passed to the `from_pretrained` of the auto class: `revision`, `subfolder`, `token`, `dtype`, ….

        Raises:
            ValueError: an unknown backend, or one that does not run such a model.
            ImportError: the backend needs packages that are not installed.
            CheckpointError: the checkpoint is truncated, has been tampered with, or misses tensors.
        """
        if backend not in (*BACKENDS, "auto"):
            raise UsageError(f"`backend` must be one of auto, {', '.join(BACKENDS)}, got {backend!r}.")
        if backend != "torch":
            return _elsewhere(cls, pretrained_model_name_or_path, backend, kwargs)
        hub = {key: kwargs.pop(key) for key in HUB_KEYWORDS if key in kwargs}
        config = copy.deepcopy(kwargs.pop("config", None))
        if config is None:
            # a config would keep dtype="auto" as if it were a dtype
            own = {key: kwargs.pop(key) for key in ("dtype", "torch_dtype") if key in kwargs}
            config, kwargs = AutoConfig.from_pretrained(
                pretrained_model_name_or_path, return_unused_kwargs=True, **hub, **kwargs
            )
            kwargs.update(own)
        quantization = _as_dict(getattr(config, "quantization_config", None))
        if quantization is not None:
            if quantization.get("quant_method") not in ("inc", "compressed-tensors"):
                raise UsageError(
                    f"The checkpoint is quantized with {quantization.get('quant_method')!r}; "
                    "this package reads 'inc' and 'compressed-tensors'."
                )
            config.quantization_config = IncQuantizationConfig.wrap(quantization)
        loader = _loader_of(cls.auto_class, config, hub.get("trust_remote_code", False))
        return _load_checked(loader, pretrained_model_name_or_path, config=config, **hub, **kwargs)


def _elsewhere(cls: type[IncModel], name: str | os.PathLike, backend: str, kwargs: dict[str, Any]) -> PreTrainedModel:
    """A model on another runtime than torch, or on torch if "auto" chooses it."""
    if backend != "auto":
        BACKENDS[backend]()
    if backend == "ipex":
        return runtimes.on_ipex(cls.from_pretrained(name, **kwargs))
    hub = {key: kwargs[key] for key in HUB_KEYWORDS if key in kwargs}
    config = AutoConfig.from_pretrained(name, **hub)
    model_class = model_class_of(cls.auto_class, config)
    files = runtimes.find_files(name, model_class, config, **hub)
    if backend == "auto":
        backend = runtimes.choose_backend(name, bool(files), **hub)
    if backend == "torch":
        return cls.from_pretrained(name, **kwargs)
    if not files:
        return runtimes.from_torch(cls.from_pretrained(name, **kwargs), backend)
    model = runtimes.from_files(model_class, config, files, backend)
    return runtimes.with_generation_config(model, name, **hub)


def loading_as(auto_class: type) -> type[IncModel]:
    """An [`IncModel`] that loads with this class: an auto class, or that of a model."""
    return type(f"IncModel{auto_class.__name__}", (IncModel,), {"auto_class": auto_class})


def _loader_of(auto_class: type, config: PreTrainedConfig, trust_remote_code: bool) -> type:
    """What to call `from_pretrained` of. Of a slim checkpoint (`model_slim`), it is the class in the slim sizes; where
    weights are in bfloat16, that with such modules, so that they are never held in float32."""
    changes = [] if getattr(config, ENTRY, None) is None else [to_own_sizes]
    if names := getattr(config, BF16_MODULES, None):
        changes.append(partial(_use_bf16, names=names))
    if changes and not issubclass(auto_class, PreTrainedModel):
        with torch.device("meta"):
            auto_class = type(auto_class.from_config(copy.deepcopy(config), trust_remote_code=trust_remote_code))
    return changed_when_built(auto_class, *changes) if changes else auto_class


def _as_dict(config: Any) -> dict[str, Any] | None:
    """A `quantization_config`, which is a dict or an object of transformers, as the dict of `config.json`."""
    if config is None:
        return None
    values = config if isinstance(config, dict) else config.to_dict()
    return {key: getattr(value, "value", value) for key, value in values.items()}


def _load_checked(auto_class: type, name: str | os.PathLike, **kwargs: Any) -> PreTrainedModel:
    wants_info = kwargs.pop("output_loading_info", False)
    if hasattr(kwargs["config"], BF16_MODULES):
        kwargs["dtype"] = torch.float32  # which holds what was saved in bfloat16 as well
    try:
        model, info = auto_class.from_pretrained(name, output_loading_info=True, **kwargs)
    except SafetensorError as error:
        raise CheckpointError(f"The weights of {name} are truncated or damaged: {error}.") from error
    except RuntimeError as error:
        if "mismatched" not in str(error):
            raise
        raise CheckpointError(f"The weights of {name} do not fit its config.json: {error}") from error
    missing = sorted(info["missing_keys"]) if quantized_modules(model) else _missing_halves(model, info)
    surplus = sorted(key for key in info["unexpected_keys"] if QUANTIZATION_PARAMETER.search(key))
    if missing or surplus:
        raise CheckpointError(
            f"The weights of {name} do not belong to its config: "
            f"missing {missing[:5] or 'nothing'}, not expected {surplus[:5] or 'nothing'}."
        )
    return (model, info) if wants_info else model


def _use_bf16(model: PreTrainedModel, names: list[str]) -> None:
    try:
        use_bf16(model, names)
    except ValueError as error:
        name = model.config.name_or_path
        raise CheckpointError(f"{name}: `{BF16_MODULES}` in the config does not fit its model: {error}") from error


def _missing_halves(model: PreTrainedModel, info: dict[str, Any]) -> list[str]:
    halves = bf16_modules(model)
    return sorted(key for key in info["missing_keys"] if key.rpartition(".")[0] in halves)


class IncModelForSequenceClassification(IncModel):
    auto_class = AutoModelForSequenceClassification


class IncModelForTokenClassification(IncModel):
    auto_class = AutoModelForTokenClassification


class IncModelForQuestionAnswering(IncModel):
    auto_class = AutoModelForQuestionAnswering


class IncModelForMaskedLM(IncModel):
    auto_class = AutoModelForMaskedLM


class IncModelForMultipleChoice(IncModel):
    auto_class = AutoModelForMultipleChoice


class IncModelForFeatureExtraction(IncModel):
    auto_class = AutoModel


class IncModelForCausalLM(IncModel):
    auto_class = AutoModelForCausalLM


class IncModelForSeq2SeqLM(IncModel):
    auto_class = AutoModelForSeq2SeqLM


class IncModelForSpeechSeq2Seq(IncModel):
    auto_class = AutoModelForSpeechSeq2Seq


class IncModelForImageClassification(IncModel):
    auto_class = AutoModelForImageClassification


class IncModelForAudioClassification(IncModel):
    auto_class = AutoModelForAudioClassification


@torch.no_grad()
def optimize(model: PreTrainedModel, fuse: bool = True) -> PreTrainedModel:
    """Make a quantized model ready for fast inference, in place.

    A model that stock `AutoModel….from_pretrained` returned from a compressed-tensors `int-quantized` checkpoint is
    put on our integer modules, before or after its first forward pass (which decompresses it). Then weights are packed
    for this CPU, so that only the packed form is in memory, and activation functions are computed where the layer
    before them writes its result. What query, key and value read is quantized once. The model can be saved as before.

    Args:
        model (`PreTrainedModel`): a quantized model, or one with weights in bfloat16 (`inc_hf.mix_precision`).
        fuse (`bool`): False leaves activation functions to torch. Ours differ from torch's by up to 2.5e-7, which can
            move an activation of the next layer to the neighbouring integer.

    Raises:
        ValueError: the model is not quantized, or not in a form that this package reads.
    """
    if not quantized_modules(model) and not bf16_modules(model):
        _put_on_our_modules(model)
    if fuse:
        fuse_activations(model)
    share_inputs(model)
    release_weights(model)
    return model


def _put_on_our_modules(model: PreTrainedModel) -> None:
    config = _as_dict(getattr(model.config, "quantization_config", None))
    if config is None:
        raise UsageError(
            "The model is not quantized; quantize it with `IncQuantizer`, or load a quantized checkpoint."
        )
    if config.get("quant_method") != "compressed-tensors":
        raise UsageError(
            f"`optimize` reads compressed-tensors models, got quant_method {config.get('quant_method')!r}."
        )
    _replace_compressed_modules(model, schemes_of_config(config, model))
    inc_config = IncQuantizationConfig(**config)
    model.config.quantization_config = inc_config
    model.hf_quantizer = IncHfQuantizer(inc_config, pre_quantized=True)
    validate_model(model)


def _replace_compressed_modules(model: PreTrainedModel, schemes: dict) -> None:
    if hasattr(model, "ct_decompress_hook"):
        model.ct_decompress_hook.remove()
        del model.ct_decompress_hook
    codes: dict[int, torch.Tensor] = {}
    for name, (scheme, input_ndim) in schemes.items():
        module = model.get_submodule(name)
        with torch.device("meta"):
            twin = empty_twin(module, scheme)
        address = module.weight.data_ptr()
        if address not in codes:
            codes[address] = _integer_weight(module)
        _fill(twin, module, codes[address], input_ndim)
        model.set_submodule(name, twin.eval())


def _integer_weight(module: nn.Module) -> torch.Tensor:
    """The int8 weight of a compressed module; of a decompressed one, whose float weight is an exact multiple of the
    scale, the multiples."""
    if module.weight.dtype == torch.int8:
        return module.weight.data
    return (module.weight.float() / module.weight_scale.float()).round().to(torch.int8)


def _fill(twin: QModule, module: nn.Module, codes: torch.Tensor, input_ndim: int | None) -> None:
    twin.set_codes(codes)
    twin.weight_scale = module.weight_scale.detach().float()
    for key in ("input_scale", "input_zero_point"):
        if getattr(twin, key) is not None:
            setattr(twin, key, getattr(module, key).detach())
    if twin.input_scale is not None:
        twin.input_scale = twin.input_scale.float()
    if isinstance(twin, QLinear):
        twin.input_ndim = input_ndim
        if module.bias is not None:
            twin.bias = nn.Parameter(module.bias.detach(), requires_grad=False)
    if module.weight.dtype == torch.int8:
        twin.dtype = module.weight_scale.dtype
