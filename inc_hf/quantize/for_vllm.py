"""What a config has to be so that vLLM loads the checkpoint: only the layers of the stack are quantized."""

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import chain

from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.errors import UsageError
from inc_hf.matching.families import SIBLINGS
from inc_hf.matching.patterns import is_in_stack, match_names, match_types
from inc_hf.quantize.nn import QLinear, op_type, quantized_modules
from inc_hf.quantize.resolve import quantizable_names, resolve_schemes
from inc_hf.quantize.scheme import Scheme
from inc_hf.quantize.settings import IN_FLOAT, wants_float


def config_for_vllm(model: nn.Module, config: PostTrainingQuantConfig) -> PostTrainingQuantConfig:
    """`config`, with what vLLM cannot load left in float: embeddings, the pooler and the head, that is all that
    is not in a numbered stack of layers. Weights have 8 bits, on CPUs without VNNI, too.

    Raises:
        UsageError: the config asks for what vLLM does not do: weights only, fewer bits, smoothing, a quantized head,
            layers apart that it computes as one.
    """
    if config.reduce_range:
        raise _refusal("leave out `reduce_range`, since its weights have 8 bits")
    names = quantizable_names(model)
    outside = [name for name in names if not is_in_stack(name)]
    _check_wishes(model, names, config, outside)
    in_float = {re.escape(name): IN_FLOAT for name in outside}
    changed = replace(config, op_name_dict={**config.op_name_dict, **in_float}, reduce_range=False)
    schemes = resolve_schemes(model, changed)
    for name, scheme in schemes.items():
        if reason := _why_not(name, model.get_submodule(name), scheme):
            raise _refusal(reason)
    _check_siblings(model, schemes)
    return changed


def check_for_vllm(model: nn.Module) -> None:
    """Raise UsageError if a search, or the data, made of a model what vLLM cannot load."""
    modules = quantized_modules(model)
    _check_siblings(model, {name: module.scheme for name, module in modules.items()})
    for name, module in modules.items():
        if isinstance(module, QLinear) and module.input_ndim != 3 and module.scheme.activation.dynamic:
            raise _refusal(f"`{name}` has inputs of {module.input_ndim} dimensions; keep it in float")


def _check_wishes(
    model: nn.Module, names: Collection[str], config: PostTrainingQuantConfig, outside: Collection[str]
) -> None:
    """Raise UsageError if the config wants something quantized by a key that means nothing but what stays in float."""
    kinds = {name: op_type(model.get_submodule(name)) for name in names}
    by_type = [
        ("op_type_dict", key, settings, [name for name in names if match_types(key, [kinds[name]])])
        for key, settings in config.op_type_dict.items()
    ]
    by_name = [
        ("op_name_dict", key, settings, match_names(key, names))
        for key, settings in config.op_name_dict.items()
        if key != "default_qconfig"
    ]
    for field, key, settings, hits in chain(by_type, by_name):
        if hits and set(hits) <= set(outside) and not wants_float(settings):
            raise _refusal(f"leave out what `{field}` key {key!r} asks for `{hits[0]}`, which has to stay in float")


def _why_not(name: str, module: nn.Module, scheme: Scheme) -> str | None:
    if not isinstance(module, nn.Linear):
        return f"keep `{name}` in float with `op_name_dict`: it is no Linear layer"
    if scheme.weight.num_bits != 8 or not scheme.weight.per_channel or not scheme.weight.is_plain:
        return "quantize weights to 8 bits per channel, symmetric and without groups"
    if scheme.activation is None or scheme.activation.num_bits != 8:
        return 'quantize activations to 8 bits, with approach="dynamic" or "static"'
    return None if scheme.smooth_alpha is None else "leave out `smooth_quant`"


def _check_siblings(model: nn.Module, schemes: Mapping[str, Scheme]) -> None:
    """Raise UsageError unless layers that vLLM computes as one are quantized alike, or not at all."""
    for parent, module in model.named_modules():
        for siblings in SIBLINGS:
            names = [f"{parent}.{child}".removeprefix(".") for child in siblings if hasattr(module, child)]
            if len(names) == len(siblings) and any(schemes.get(name) != schemes.get(names[0]) for name in names):
                listed = ", ".join(f"`{name}`" for name in names[:-1]) + f" and `{names[-1]}`"
                raise _refusal(f"treat them alike in `op_name_dict`: {listed} are one layer in vLLM")


def _refusal(advice: str) -> UsageError:
    return UsageError(f'vLLM cannot run this. Leave out `runtime="vllm"`, or {advice}.')
