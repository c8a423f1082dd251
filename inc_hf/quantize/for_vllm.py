"""What a config has to be so that vLLM loads the checkpoint: only the layers of the stack are quantized."""

from dataclasses import replace

from torch import nn

from inc_hf.config import PostTrainingQuantConfig
from inc_hf.errors import UsageError
from inc_hf.quantize.resolve import quantizable_names, resolve_schemes

IN_FLOAT = {"weight": {"dtype": "fp32"}}
ADVICE = 'Leave out `runtime="vllm"`, or'


def config_for_vllm(model: nn.Module, config: PostTrainingQuantConfig) -> PostTrainingQuantConfig:
    """`config`, with what vLLM has no place for left in float: embeddings, the pooler and the head, that is all that
    is not in a numbered stack of layers. Weights have 8 bits, on CPUs without VNNI, too.

    Raises:
        UsageError: the config asks for what vLLM's int8 products do not do: weights only, fewer bits, smoothing,
            asymmetric or no activations.
    """
    outside = [name for name in quantizable_names(model) if not is_in_stack(name)]
    names = {**config.op_name_dict, **{_exactly(name): IN_FLOAT for name in outside}}
    changed = replace(config, op_name_dict=names, reduce_range=False)
    for name, scheme in resolve_schemes(model, changed).items():
        reason = None
        if is_in_stack(name) and not isinstance(model.get_submodule(name), nn.Linear):
            reason = f"`{name}` is no Linear layer; keep it in float with `op_name_dict`"
        elif scheme.weight.num_bits != 8 or not scheme.weight.per_channel:
            reason = "quantize weights to 8 bits per channel"
        elif scheme.activation is None or scheme.activation.num_bits != 8:
            reason = 'quantize activations to 8 bits, with approach="dynamic" or "static"'
        elif scheme.smooth_alpha is not None:
            reason = "leave out `smooth_quant`"
        if reason:
            raise UsageError(f"vLLM cannot run this. {ADVICE} {reason}.")
    return changed


def is_in_stack(name: str) -> bool:
    """Whether a part of the name is a number."""
    return any(part.isdigit() for part in name.split("."))


def _exactly(name: str) -> str:
    return name.replace(".", r"\.")
