"""From a config to the scheme of each module."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.coverage import Reason
from inc_hf.errors import UsageError
from inc_hf.matching.layout import matrix_shape
from inc_hf.matching.patterns import match_names, match_types, nearest
from inc_hf.ops import default_weight_bits
from inc_hf.quantize.decoder_ends import FOR_READERS, decoder_ends
from inc_hf.quantize.kept_in_float import kept_in_float
from inc_hf.quantize.nn import op_type
from inc_hf.quantize.per_token import approach_of, per_token_names
from inc_hf.quantize.scheme import Scheme, WeightScheme
from inc_hf.quantize.settings import IN_FLOAT, apply_settings, merged_settings, wants_float
from inc_hf.quantize.smoothing import with_smoothing

logger = logging.getLogger(__name__)

FUSED_PARENTS = (nn.MultiheadAttention, nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)
NEVER_CALLED = Reason("never called by the model on this data")
BY_CONFIG = Reason("left in float by the config", asked=True)
SHARED = Reason("that share their weight with one in float")
FOR_STOCK = Reason(
    "convolutions, in float so that stock transformers loads the checkpoint; name them in `op_type_dict`, such as "
    '{"Conv2d": {"weight": {"dtype": ["int8"]}}}, to quantize them'
)
FEW = 0.05  # of the weights
CONVOLUTIONS = ("Conv1d", "Conv2d")
MATMULS = ("Linear", "Conv1D", "Conv1d", "Conv2d")


def resolve_schemes(
    model: nn.Module,
    config: PostTrainingQuantConfig,
    reached: Mapping[str, int] | None = None,
    has_calibration_data: bool = True,
    left: dict[str, Reason] | None = None,
    by_layer: bool = False,
) -> dict[str, Scheme]:
    """Module name -> scheme of all modules that `config` quantizes; what is absent stays in float.

    The order of strength is INC's: the default of the approach, `op_type_dict`, `recipes`, `op_name_dict`. A stronger
    one replaces only the settings that it names.

    Args:
        reached (`dict`, *optional*): the modules that a forward pass calls, in its order (`probe.reached_modules`);
            others stay in float. None takes all modules, in the order of the model.
        has_calibration_data (`bool`): decides between static and dynamic for `approach="auto"`.
        left (`dict`, *optional*): gets the reason for each of these modules that stays in float.
        by_layer (`bool`): whether the settings of a layer decide if its activations are static, as in INC's
            quantization-aware training; if not, the approach does, and static quantization may give some activations a
            scale per token (`per_token`).

    Raises:
        ValueError: no pattern of `op_name_dict` matches anything, or a setting is not available for a module.
    """
    names = known = quantizable_names(model)
    if reached is not None:
        names = reached_or_tied(model, names, reached)
    left = {} if left is None else left
    left.update(dict.fromkeys(set(known).difference(names), NEVER_CALLED))
    kinds = {name: op_type(model.get_submodule(name)) for name in names}
    approach = config.approach
    if approach == "auto":
        approach = "static" if has_calibration_data else "dynamic"
    bits = _weight_bits(config.reduce_range)
    settings: dict[str, dict[str, dict]] = {name: {} for name in names}
    by_type = list(settings_by_type(model, kinds, config.op_type_dict))
    by_name = list(settings_by_name(model, kinds, config.op_name_dict))
    excluded = [(name, IN_FLOAT) for name in _excluded_by_recipes(kinds, config)]
    for name, stronger in [*by_type, *excluded, *by_name]:
        settings[name] = merged_settings(settings[name], stronger)
    approaches = dict.fromkeys(names, approach)
    if by_layer:
        approaches = {name: approach_of(settings[name], approach) for name in names}
    elif approach == "static":
        approaches |= dict.fromkeys(per_token_names(model, config, settings), "dynamic")
    schemes = {name: apply_settings(name, kinds[name], approaches[name], bits, settings[name]) for name in names}
    check_groups(model, schemes)
    smoothed = with_smoothing({name: s for name, s in schemes.items() if s is not None}, kinds, config, settings)
    if config.recipe("weight_correction"):
        smoothed = {name: with_correction(scheme, kinds[name]) for name, scheme in smoothed.items()}
        if left_out := sum(not scheme.weight.is_plain for scheme in smoothed.values()):
            logger.warning(
                "`weight_correction` is for weights without groups and zero points: %d are not corrected.", left_out
            )
    left.update({name: BY_CONFIG for name in names if name not in smoothed})
    named = [name for key in config.op_name_dict if key != "default_qconfig" for name in match_names(key, kinds)]
    for name in decoder_ends(model, kinds, dict(by_type), named, tied_names(model)):
        if smoothed.pop(name, None):
            left[name] = FOR_READERS
    for name in few_convolutions(model, smoothed, kinds, settings):
        del smoothed[name]
        left[name] = FOR_STOCK
    return _equalize_tied(model, smoothed, kinds, left)


def plain_weight(weight: WeightScheme) -> WeightScheme:
    """What an embedding can share with a product: neither groups nor zero points, and nothing corrected."""
    return WeightScheme(weight.num_bits, weight.per_channel)


def check_groups(model: nn.Module, schemes: Mapping[str, Scheme | None]) -> None:
    """Refuse groups that do not divide the inputs of a product; say what no kernel multiplies.

    Raises:
        ValueError: names the module.
    """
    fine = {name: scheme for name, scheme in schemes.items() if scheme is not None and not scheme.weight.is_plain}
    for name, scheme in fine.items():
        size, inputs = scheme.weight.group_size, matrix_shape(model.get_submodule(name))[1]
        if size != -1 and inputs % size and size < inputs:
            raise UsageError(
                f"`{name}` has {inputs} inputs, which is no multiple of the `group_size` {size}; choose another, -1 "
                "for one scale per output channel, or leave it in float in `op_name_dict`."
            )
    if slow := [name for name, scheme in fine.items() if scheme.activation is not None]:
        logger.warning(
            "Integer activations with asymmetric or grouped weights have no kernel, and run in plain torch: %s%s.",
            slow[0],
            f" and {len(slow) - 1} more" if slow[1:] else "",
        )


def with_correction(scheme: Scheme, kind: str) -> Scheme:
    """The scheme with corrected weights; rows of an embedding are looked up, and make no sums to put right."""
    can_be = kind in MATMULS and scheme.weight.is_plain
    return replace(scheme, weight=replace(scheme.weight, corrected=True)) if can_be else scheme


def few_convolutions(
    model: nn.Module, schemes: Mapping[str, Scheme], kinds: Mapping[str, str], settings: Mapping[str, Any]
) -> list[str]:
    """The convolutions that alone would keep stock transformers from loading the checkpoint (compressed-tensors has no
    words for them), if they hold few of the weights and the config does not speak of them."""
    found = [name for name in schemes if kinds[name] in CONVOLUTIONS]
    rest = [name for name in schemes if kinds[name] not in CONVOLUTIONS]
    is_readable = rest and all(
        kinds[name] != "Conv1D"
        and schemes[name].weight.num_bits > 4
        and schemes[name].smooth_alpha is None
        and schemes[name].weight.is_plain
        for name in rest
    )
    sizes = {name: model.get_submodule(name).weight.numel() for name in schemes}
    is_transformers = hasattr(model, "save_pretrained")
    is_few = sum(sizes[name] for name in found) <= FEW * sum(sizes.values())
    is_default = not any(settings[name] for name in found)
    return found if is_transformers and is_readable and is_few and is_default else []


def quantizable_names(model: nn.Module) -> list[str]:
    """Names of the modules that can be quantized, in the order of the model.

    torch's own transformer layers have fast paths that read the float weights of their children, which stay in float.
    So does what `kept_in_float` names.
    """
    kept, fused = kept_in_float(model), fused_parents(model)
    return [
        name
        for name, module in model.named_modules()
        if op_type(module) is not None
        and name not in kept
        and not any(name.startswith(f"{parent}.") or not parent for parent in fused)
    ]


def fused_parents(model: nn.Module) -> list[str]:
    """Names of torch's own transformer layers."""
    return [name for name, module in model.named_modules() if isinstance(module, FUSED_PARENTS)]


def reached_or_tied(model: nn.Module, names: list[str], reached: Mapping[str, int]) -> list[str]:
    """The reached modules, in their order, and the embeddings that only lend their weight to them (T5's `shared`)."""
    lenders = [
        name
        for tied in tied_names(model)
        for name in tied
        if name not in reached and op_type(model.get_submodule(name)) == "Embedding" and set(tied) & set(reached)
    ]
    known = set(names)
    return [name for name in [*lenders, *reached] if name in known]


def _weight_bits(reduce_range: bool | None) -> int:
    if reduce_range is None:
        return default_weight_bits()
    return 7 if reduce_range else 8


def _excluded_by_recipes(kinds: Mapping[str, str], config: PostTrainingQuantConfig) -> list[str]:
    names = list(kinds)
    matmuls = [index for index, name in enumerate(names) if kinds[name] in MATMULS]
    excluded: list[str] = []
    if not matmuls:
        return excluded
    if not config.recipe("first_conv_or_matmul_quantization"):
        excluded.append(names[matmuls[0]])
    if not config.recipe("last_conv_or_matmul_quantization"):
        excluded.append(names[matmuls[-1]])
    if not config.recipe("pre_post_process_quantization"):
        excluded += names[: matmuls[0]] + names[matmuls[-1] + 1 :]
    return excluded


def settings_by_type(model: nn.Module, kinds: Mapping[str, str], op_types: Mapping[str, Any]):
    """(module name, settings) for each pattern over op types; one that hits nothing is worth a warning only."""
    all_types = {type(module).__name__ for module in model.modules()}
    for pattern, settings in op_types.items():
        hits = [name for name, kind in kinds.items() if match_types(pattern, [kind])]
        if not hits and not (match_types(pattern, all_types) and wants_float(settings)):
            known = ", ".join(sorted(set(kinds.values())))
            logger.warning("`op_type_dict` key %r matches no module that can be quantized (%s).", pattern, known)
        yield from ((name, settings) for name in hits)


def settings_by_name(model: nn.Module, kinds: Mapping[str, str], op_names: Mapping[str, Any]):
    """(module name, settings) for each pattern over module names; `default_qconfig` is what no other pattern hits."""
    patterns = {pattern: settings for pattern, settings in op_names.items() if pattern != "default_qconfig"}
    hits = {pattern: match_names(pattern, kinds) for pattern in patterns}
    for pattern in (pattern for pattern, names in hits.items() if not names):
        if wants_float(patterns[pattern]) and _is_of_model(model, pattern):
            continue
        message = (
            f"`op_name_dict` key {pattern!r} matches no module that can be quantized"
            f"{nearest(pattern, kinds) or '.'} "
            "Keys are regular expressions for the whole name, e.g. 'bert\\.encoder\\..*'."
        )
        if not any(hits.values()):
            raise UsageError(message)
        logger.warning("%s", message)  # one dict often serves several models
    if "default_qconfig" in op_names:
        rest = set(kinds).difference(*hits.values())
        yield from ((name, op_names["default_qconfig"]) for name in kinds if name in rest)
    for pattern, names in hits.items():
        yield from ((name, patterns[pattern]) for name in names)


def _is_of_model(model: nn.Module, pattern: str) -> bool:
    """Whether the pattern names a module that stays in float anyway: of another kind, or never called."""
    return bool(match_names(pattern, (name for name, _ in model.named_modules())))


def tied_names(model: nn.Module) -> list[list[str]]:
    """Names of the modules that share one weight parameter, for each that is shared."""
    holders: dict[int, list[str]] = {}
    for name, module in model.named_modules():
        weight = getattr(module, "_parameters", {}).get("weight")
        if weight is not None:
            holders.setdefault(id(weight), []).append(name)
    return [names for names in holders.values() if len(names) > 1]


def _equalize_tied(
    model: nn.Module, schemes: dict[str, Scheme], kinds: Mapping[str, str], left: dict[str, Reason]
) -> dict[str, Scheme]:
    """Modules that share a weight are quantized alike or not at all, so that it stays one tensor, also on disk.

    An embedding takes the bits of the Linear that it is tied to, and the rows of both stay symmetric, with one scale,
    and uncorrected.
    """
    for names in tied_names(model):
        in_float = [name for name in names if name not in schemes]
        if len(in_float) not in (0, len(names)):
            logger.info("In float with %s, whose weight they share: %s", in_float[0], ", ".join(names))
        if in_float:
            reason = left.get(in_float[0], SHARED)
            for name in names:
                schemes.pop(name, None)
                left.setdefault(name, Reason(SHARED.text, reason.asked))
            continue
        weights = [schemes[name].weight for name in sorted(names, key=lambda name: kinds[name] == "Embedding")]
        for name in names:
            schemes[name] = replace(schemes[name], weight=plain_weight(weights[0]), smooth_alpha=None)
    return schemes
