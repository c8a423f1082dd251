"""Schemes to and from the `quantization_config` of compressed-tensors `int-quantized`.

The package compressed-tensors itself is not needed, neither to write nor to read.
"""

import time
from collections.abc import Iterable
from typing import Any

import regex
from torch import nn

from inc_hf.checkpoint.conversions import names_entry, why_stock_fails
from inc_hf.checkpoint.validate import CheckpointError
from inc_hf.errors import UsageError
from inc_hf.matching.patterns import nearest
from inc_hf.quantize.nn import QConv, QEmbedding, QLinear, QModule, op_type
from inc_hf.quantize.scheme import ActivationScheme, Scheme, WeightScheme

FORMAT = "int-quantized"
PATTERN_SECONDS = 2  # for all patterns of a checkpoint on all names


class NotExpressibleError(UsageError):
    """A module's scheme has no words in compressed-tensors."""


def to_compressed_tensors(model: nn.Module) -> dict[str, Any]:
    """`quantization_config` for a converted model.

    The most common scheme of a class is written with the class name as its target, the others with module names;
    classes and names that stay in float are ignored by name.

    Raises:
        NotExpressibleError: a module is a convolution, a `transformers.Conv1D`, or has weights of 4 bits or fewer; or
            stock transformers cannot load such a model.
    """
    if reason := why_stock_fails(model):
        raise NotExpressibleError(f'{reason}; save with format="inc".')
    quantized = {name: module for name, module in model.named_modules() if isinstance(module, QModule)}
    groups: dict[str, list[str]] = {}
    schemes: dict[str, tuple[str, dict]] = {}
    for name, module in quantized.items():
        _check_expressible(name, module)
        kind = "Embedding" if isinstance(module, QEmbedding) else "Linear"
        arguments = _group_arguments(module)
        key = f"{kind} {arguments}"
        groups.setdefault(key, []).append(name)
        schemes[key] = kind, arguments
    config_groups: list[dict[str, Any]] = []
    for key in sorted(groups, key=lambda k: -len(groups[k])):
        kind, arguments = schemes[key]
        is_first_of_kind = all(kind not in group["targets"] for group in config_groups)
        config_groups.append({"targets": [kind] if is_first_of_kind else groups[key], **arguments})
    # Names before classes: compressed-tensors warns of a target whose modules an earlier one has matched already.
    config_groups.sort(key=lambda group: group["targets"][0] in ("Linear", "Embedding"))
    return {
        "quant_method": "compressed-tensors",
        "format": FORMAT,
        "quantization_status": "compressed",
        **names_entry(model),
        "config_groups": {f"group_{index}": group for index, group in enumerate(config_groups)},
        "ignore": _ignored(model, {schemes[key][0] for key in groups}),
    }


def _check_expressible(name: str, module: QModule) -> None:
    reason = None
    if isinstance(module, QConv):
        reason = "is a convolution"
    elif isinstance(module, QLinear) and module.is_conv1d:
        reason = "is a transformers.Conv1D"
    elif module.scheme.smooth_alpha is not None:
        reason = "has smoothed inputs"
    elif module.scheme.weight.num_bits <= 4:
        reason = f"has {module.scheme.weight.num_bits}-bit weights, which would be stored in a byte each"
    if reason:
        raise NotExpressibleError(
            f"`{name}` {reason}, which compressed-tensors `{FORMAT}` cannot express; "
            'save with format="inc", or keep such modules in float with `op_type_dict`.'
        )


def _group_arguments(module: QModule) -> dict[str, Any]:
    weight = module.scheme.weight
    arguments: dict[str, Any] = {
        "format": FORMAT,
        "weights": {
            "num_bits": weight.num_bits,
            "type": "int",
            "symmetric": weight.symmetric,
            "strategy": "channel" if weight.per_channel else "tensor",
            "dynamic": False,
        },
    }
    if weight.group_size != -1:
        size = module.in_features // weight.groups_of(module.in_features)
        arguments["weights"] |= {"strategy": "group", "group_size": size}
    if module.scheme.activation is not None and isinstance(module, QLinear):
        arguments["input_activations"] = _activation_arguments(module, module.scheme.activation)
    return arguments


def _activation_arguments(module: QLinear, activation: ActivationScheme) -> dict[str, Any]:
    arguments = {
        "num_bits": activation.num_bits,
        "type": "int",
        "symmetric": activation.symmetric,
        "strategy": "tensor",
        "dynamic": activation.dynamic,
    }
    if not activation.dynamic:
        return {**arguments, "observer": activation.observer}
    # Our own word, which compressed-tensors keeps and does not read. Its own, `scale_dtype`, would make it round as we
    # do, but fail in float16: it clamps the scales to the range of bfloat16 first.
    arguments["observer_kwargs"] = {"scale_dtype": activation.scale_dtype}
    if module.input_ndim == 3:
        return {**arguments, "strategy": "token"}
    # Of a 2-D input, compressed-tensors' "token" is one scale for the whole batch; one group per row is what we mean.
    return {**arguments, "strategy": "group", "group_size": module.in_features}


def _ignored(model: nn.Module, kinds: set[str]) -> list[str]:
    """Names of the float modules that the class-name targets would otherwise catch, subclasses included."""
    return [
        name
        for name, module in model.named_modules()
        if not isinstance(module, QModule) and any(cls.__name__ in kinds for cls in type(module).__mro__)
    ]


def from_compressed_tensors(config: dict[str, Any], model: nn.Module) -> dict[str, tuple[Scheme, int | None]]:
    """Module name -> (scheme, input_ndim) for a float (or meta) model and a compressed-tensors config.

    Raises:
        CheckpointError: the config asks for something that is not W8A8-like integer quantization.
    """
    for format in (config["format"], *(group.get("format") for group in config["config_groups"].values())):
        if format not in (FORMAT, None):
            raise CheckpointError(f"The compressed-tensors format {format!r} is not supported, only {FORMAT!r}.")
    if (config.get("transform_config") or {}).get("config_groups"):
        raise CheckpointError(
            "The checkpoint rotates its activations (`transform_config`), which this package cannot do."
        )
    _check_lists(config)
    targets = {target: group for group in config["config_groups"].values() for target in group["targets"]}
    ignored = config.get("ignore") or []
    _check_targets(targets, model)
    found, deadline = {}, time.monotonic() + PATTERN_SECONDS
    for name, module in model.named_modules():
        kind = op_type(module)
        if kind in ("Linear", "Embedding") and not _matching(name, kind, ignored, deadline):
            matching = _matching(name, kind, targets, deadline)
            if matching:
                found[name] = _parse_group(name, targets[matching[0]], module.weight.shape[1])
    return found


def _check_lists(config: dict[str, Any]) -> None:
    """Raise CheckpointError unless `targets` and `ignore` are lists, where a text would be its letters."""
    lists = {f"targets` of `{name}": group["targets"] for name, group in config["config_groups"].items()}
    for name, names in {**lists, "ignore": config.get("ignore") or []}.items():
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise CheckpointError(f"`{name}` in the `quantization_config` must be a list of names, got {names!r}.")


def _matching(name: str, kind: str, targets: Iterable[str], deadline: float) -> list[str]:
    """The targets that mean this module, in the order of compressed-tensors: its own name first, then regular
    expressions by the alphabet, then its class."""
    patterns = [t for t in sorted(targets) if t.startswith("re:") and _matches(t.removeprefix("re:"), name, deadline)]
    return [t for t in targets if t == name] + patterns + [t for t in targets if t == kind]


def _matches(pattern: str, name: str, deadline: float) -> bool:
    """`re.match` until `deadline`, since a few characters of a checkpoint could keep it busy for years."""
    try:
        return regex.match(pattern, name, timeout=max(deadline - time.monotonic(), 1e-3)) is not None
    except TimeoutError:
        raise CheckpointError(f"The pattern {pattern!r} of the checkpoint takes too long on `{name}`.") from None
    except regex.error as error:
        raise CheckpointError(f"The pattern {pattern!r} of the checkpoint is malformed: {error}.") from error


def _check_targets(targets: dict[str, dict], model: nn.Module) -> None:
    names = {name for name, _ in model.named_modules()}
    for target in targets:
        if target not in names and target not in ("Linear", "Embedding") and not target.startswith("re:"):
            raise CheckpointError(
                f"The checkpoint quantizes `{target}`, which the model lacks{nearest(target, names)}"
            )


def _parse_group(name: str, group: dict[str, Any], in_features: int) -> tuple[Scheme, int | None]:
    weights, inputs = group["weights"], group.get("input_activations")
    if weights.get("type", "int") != "int" or weights.get("actorder"):
        raise CheckpointError(
            f"`{name}`: only integer weights in the order of the inputs are supported, got {weights}."
        )
    strategy, symmetric, size = weights["strategy"], weights.get("symmetric", True), -1
    if strategy not in ("channel", "tensor", "group") or group.get("output_activations"):
        raise CheckpointError(
            f"`{name}`: only weights per channel, group or tensor and input activations are supported."
        )
    if strategy == "group":
        size = weights.get("group_size")
        if type(size) is not int or size < 1 or in_features % size:
            raise CheckpointError(f"`{name}` has {in_features} inputs, the checkpoint has groups of {size}.")
    if strategy == "tensor" and not symmetric:
        raise CheckpointError(f"`{name}`: weights per tensor are symmetric, got {weights}.")
    weight = WeightScheme(weights["num_bits"], strategy != "tensor", symmetric=symmetric, group_size=size)
    if inputs is None:
        return Scheme(weight), None
    if inputs.get("type", "int") != "int":
        raise CheckpointError(f"`{name}`: only integer activations are supported, got {inputs}.")
    dynamic, symmetric = bool(inputs.get("dynamic", False)), inputs.get("symmetric", True)
    is_per_token = inputs["strategy"] == "token" or _is_one_group(inputs, in_features)
    if dynamic and not (is_per_token and symmetric):
        raise CheckpointError(f"`{name}`: dynamic activations must be symmetric and per token, got {inputs}.")
    if not dynamic and inputs["strategy"] != "tensor":
        raise CheckpointError(f"`{name}`: static activations must be per tensor, got {inputs}.")
    activation = ActivationScheme(
        num_bits=inputs["num_bits"],
        dynamic=dynamic,
        symmetric=symmetric,
        observer=inputs.get("observer") or "minmax",
        scale_dtype=_scale_dtype(inputs),
    )
    return Scheme(weight, activation), 3 if inputs["strategy"] == "token" else None


def _is_one_group(inputs: dict[str, Any], in_features: int) -> bool:
    return inputs["strategy"] == "group" and inputs.get("group_size") == in_features


def _scale_dtype(inputs: dict[str, Any]) -> str:
    if not inputs.get("dynamic", False):
        return ActivationScheme.scale_dtype  # plays no part
    ours = (inputs.get("observer_kwargs") or {}).get("scale_dtype")
    return (ours or inputs.get("scale_dtype") or "float32").removeprefix("torch.")
