"""Modules of compressed-tensors, as stock transformers loads them, exchanged for ours with the same integers."""

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from inc_hf.checkpoint.attach import pretrained_parts
from inc_hf.checkpoint.contents import check_contents, check_values, entries_of, float_tensors
from inc_hf.checkpoint.places import schemes_in
from inc_hf.checkpoint.quantizer import IncHfQuantizer, IncQuantizationConfig
from inc_hf.checkpoint.validate import CheckpointError, validate_module
from inc_hf.errors import UsageError
from inc_hf.quantize.nn import QLinear, QModule, empty_twin

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def adopt_parts(model: nn.Module) -> None:
    """`adopt` each quantized model of transformers in a module, such as that in a `SentenceTransformer`.

    Raises:
        ValueError: one is quantized with another method.
        CheckpointError: the tensors of one do not fit its config.
    """
    for part in pretrained_parts(model):
        if _config_of(part) is not None:
            adopt(part)


def adopt(model: "PreTrainedModel") -> None:
    """Put a quantized model that stock transformers has loaded on our modules, in place, before its first forward
    pass, which decompresses it, or after.

    Raises:
        ValueError: the model is quantized with another method.
        CheckpointError: its tensors do not fit its config.
    """
    config = as_dict(_config_of(model))
    if config.get("quant_method") != "compressed-tensors":
        raise UsageError(
            f"`optimize` reads compressed-tensors models, got quant_method {config.get('quant_method')!r}."
        )
    twins = _twins_of_compressed(model, schemes_in(config, model))
    _check(model, twins)
    _exchange(model, twins)
    inc_config = IncQuantizationConfig(**config)
    model.config.quantization_config = inc_config
    model.hf_quantizer = IncHfQuantizer(inc_config, pre_quantized=True)
    model.hf_quantizer.note_modules(model)


def _config_of(model: nn.Module) -> Any:
    return getattr(getattr(model, "config", None), "quantization_config", None)


def _twins_of_compressed(model: "PreTrainedModel", schemes: dict) -> dict[str, QModule]:
    """Name -> module of ours, of each module of compressed-tensors."""
    first: dict[int, QModule] = {}
    twins: dict[str, QModule] = {}
    for name, (scheme, input_ndim) in schemes.items():
        module = model.get_submodule(name)
        _check_kinds(name, module)
        with torch.device("meta"):
            twin = empty_twin(module, scheme)
        _fill(twin, module, input_ndim)
        address = module.weight.data_ptr()
        if address in first:
            twin.share_weight(first[address])
        else:
            twin.set_codes(_integer_weight(module))
            first[address] = twin
        twins[name] = twin.eval()
    return twins


def _check_kinds(name: str, module: nn.Module) -> None:
    """Raise CheckpointError if what should be integers, or floats, is something else."""
    if not (module.weight.dtype == torch.int8 or module.weight.is_floating_point()):
        raise CheckpointError(f"`{name}.weight` is {module.weight.dtype} instead of int8.")
    for key in ("weight_scale", "input_scale", "bias"):
        tensor = getattr(module, key, None)
        if tensor is not None and not tensor.is_floating_point():
            raise CheckpointError(f"`{name}.{key}` holds integers where floats belong.")


def _check(model: "PreTrainedModel", twins: dict[str, QModule]) -> None:
    """Check what stock transformers did not, before anything is changed."""
    for name, twin in twins.items():
        validate_module(name, twin)
    check_values(model, twins)
    expected = {key: value for key, value in float_tensors(model).items() if key.rpartition(".")[0] not in twins}
    for name, twin in twins.items():
        expected |= {f"{name}.{key}": value for key, value in twin.state_dict().items()}
    check_contents(model, expected, entries_of(model.name_or_path), model.name_or_path)


def _exchange(model: "PreTrainedModel", twins: dict[str, QModule]) -> None:
    if hasattr(model, "ct_decompress_hook"):
        model.ct_decompress_hook.remove()
        del model.ct_decompress_hook
    for name, twin in twins.items():
        model.set_submodule(name, twin)


def _integer_weight(module: nn.Module) -> torch.Tensor:
    """The int8 weight of a compressed module; of a decompressed one, whose float weight is an exact multiple of the
    scale, the multiples."""
    if module.weight.dtype == torch.int8:
        return module.weight.data
    scale, zero_point = module.weight_scale.float(), getattr(module, "weight_zero_point", None)
    groups = module.weight.float().reshape(*scale.shape, -1) if scale.ndim == 2 else module.weight.float()
    codes = (groups / (scale[..., None] if scale.ndim == 2 else scale)).round()
    if zero_point is not None:
        codes += zero_point[..., None]
    return codes.reshape(module.weight.shape).to(torch.int8)


def _fill(twin: QModule, module: nn.Module, input_ndim: int | None) -> None:
    """All but the integers."""
    twin.weight_scale = module.weight_scale.detach().float()
    for key in ("weight_zero_point", "input_scale", "input_zero_point"):
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


def as_dict(config: Any) -> dict[str, Any] | None:
    """A `quantization_config`, which is a dict or an object of transformers, as the dict of `config.json`.

    Raises:
        CheckpointError: it is neither.
    """
    if config is None:
        return None
    if not isinstance(config, dict) and not hasattr(config, "to_dict"):
        raise CheckpointError(f"The `quantization_config` of the checkpoint must be a table, got {config!r}.")
    values = config if isinstance(config, dict) else config.to_dict()
    return {key: getattr(value, "value", value) for key, value in values.items()}
